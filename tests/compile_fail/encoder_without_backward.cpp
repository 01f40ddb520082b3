// expect: an encoder has out, declare, forward and backward; see docs/policies/encoder.md
#include <triptych/backend/reference.hpp>
#include <triptych/network/branches.hpp>

namespace nn = triptych::nn;

struct one_way {
  int out() const { return 3; }
  void declare(nn::declaration&) {}
  template <class B>
  triptych::tensor<const typename B::real>
  forward(const nn::pass<B>&, triptych::tensor<const typename B::activation>) const {
    return {};
  }
};

template class triptych::network<triptych::backend::reference<double>, triptych::update::ema,
                                 triptych::patches::whole, nn::architecture<one_way>>;
