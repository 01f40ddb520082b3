// expect: no member named
#include <triptych/backend/reference.hpp>
#include <triptych/memory/support_set.hpp>

using backend_type = triptych::backend::reference<double>;

void push(triptych::memory::support_set<backend_type>& queue, triptych::tensor<const double> rows) {
  queue.push(rows);
}
