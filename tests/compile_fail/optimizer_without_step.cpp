// expect: an update from the gradient has an `optimizer` and a bound `clip_norm`
#include <array>
#include <string_view>

#include <triptych/backend/reference.hpp>
#include <triptych/network/branches.hpp>

struct forgot_the_step {
  static constexpr std::array<std::string_view, 1> state{"momentum_buffer"};
};

template class triptych::network<triptych::backend::reference<double>,
                                 triptych::update::backprop<forgot_the_step>>;
