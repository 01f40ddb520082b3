// expect: no member named
#include <triptych/backend/reference.hpp>
#include <triptych/memory/queue.hpp>

using backend_type = triptych::backend::reference<double>;

void push(triptych::memory::queue<backend_type>& queue, triptych::tensor<const double> rows) {
  queue.push(rows);
}
