// expect: Update must be a weight-update policy; see docs/policies/weight_update.md
#include <triptych/backend/reference.hpp>
#include <triptych/network/branches.hpp>

struct no_update {
  double momentum = 0.99;
};

template class triptych::network<triptych::backend::reference<double>, no_update>;
