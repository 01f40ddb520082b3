// What a program that needs Eigen alone may include.
#include <triptych/core/error.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/version.hpp>

int main() {
  triptych::random_stream random(1, triptych::stream::initialise);
  triptych::thread_pool pool(2);
  double drawn[2] = {};
  const float first = random.uniform();
  pool.run(2, [&](long i) { drawn[i] = first; });
  return drawn[0] == drawn[1] ? 0 : 1;
}
