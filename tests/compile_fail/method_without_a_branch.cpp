// expect: mncl needs its global or its local branch; set one of the two to true
#include <triptych/backend/reference.hpp>
#include <triptych/method/mncl.hpp>

struct nothing : triptych::method::mncl_policies {
  static constexpr bool global_branch = false;
  static constexpr bool local_branch = false;
};

template class triptych::method::mncl<triptych::backend::reference<double>, nothing>;
