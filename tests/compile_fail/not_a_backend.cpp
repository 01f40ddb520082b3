// expect: B must be a backend; see docs/policies/backend.md
#include <triptych/network/branches.hpp>

struct no_backend {
  using real = float;
  using allocator = triptych::host_allocator;
};

template class triptych::network<no_backend, triptych::update::ema>;
