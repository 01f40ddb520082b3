// expect: an update from a peer is called as update(backend, peer, n, own, step)
#include <triptych/backend/reference.hpp>
#include <triptych/network/branches.hpp>

struct forgot_the_call {
  static constexpr auto from = triptych::update::source::peer;
};

template class triptych::network<triptych::backend::reference<double>, forgot_the_call>;
