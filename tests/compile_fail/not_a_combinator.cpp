// expect: Patches must be a patch combinator; see docs/policies/patch_combinator.md
#include <triptych/backend/reference.hpp>
#include <triptych/network/branches.hpp>

struct no_combinator {
  int side() const { return 2; }
};

template class triptych::network<triptych::backend::reference<double>, triptych::update::ema,
                                 no_combinator>;
