// After the first steps, a training step asks the system for no memory. Eigen's products take their
// packing buffers from malloc; whatever is ours goes through operator new, which is counted here.
// Not under the sanitizers, which bring their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <triptych/backend/eigen.hpp>
#include <triptych/method/all.hpp>

#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "../support/catch.hpp"
#include "support/seed.hpp"

namespace {
std::atomic<long> allocations{0};

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  // aligned_alloc wants a multiple of the alignment.
  void* p = std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

// Not inlined: g++ would take the pairing of new and free for a mistake.
[[gnu::noinline]] void release(void* p) { std::free(p); }
}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* p) noexcept { release(p); }
void operator delete(void* p, std::size_t) noexcept { release(p); }
void operator delete(void* p, std::align_val_t) noexcept { release(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { release(p); }

using namespace triptych;

TEMPLATE_LIST_TEST_CASE("a training step allocates nothing once the arena has its size", "",
                        method::all) {
  backend::eigen<> backend(2);
  const nn::architecture<> layers(nn::resnet({.width = 4, .blocks = {1, 1, 1, 1}}),
                                  {.projector = {16, 16}, .predictor_hidden = 8});
  TestType options;
  if constexpr (requires { options.queue; }) options.queue = 32;
  if constexpr (requires { options.bn_splits; }) options.bn_splits = 2;
  typename TestType::template method<backend::eigen<>> method(backend, layers, options, 1);
  constexpr int views = TestType::about.views;
  std::vector<float> x(views * 8 * 16 * 16 * 3);
  random_stream random(test::seeded(1), stream::augment);
  for (float& v : x) v = random.normal();
  const auto step = [&](std::int64_t number) {
    static_cast<void>(method.step({{views * 8, 16, 16, 3, views}, x.data()},
                                  {.step = number, .learning_rate = 0.01}));
  };
  step(0);
  step(1);
  const long before = allocations;
  REQUIRE(before > 0);
  for (std::int64_t s = 2; s < 6; ++s) step(s);
  CHECK(allocations - before == 0);
}

#endif
