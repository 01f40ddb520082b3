// expect: momentum_update must move weights after a peer's
#include <triptych/backend/reference.hpp>
#include <triptych/method/byol.hpp>

struct mine : triptych::method::policies {
  using momentum_update = triptych::update::backprop<>;
};

template class triptych::method::byol<triptych::backend::reference<double>, mine>;
