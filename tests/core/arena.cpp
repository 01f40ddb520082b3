#include <triptych/core/arena.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace triptych;

namespace {

constexpr std::size_t mega = std::size_t{1} << 20;

bool aligned(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % arena_alignment == 0; }

/// What a training step does: memory in odd sizes, with temporaries that come and go.
void step(stack_arena<>& arena) {
  const arena_frame whole(arena);
  for (std::size_t i = 1; i < 40; ++i) {
    auto* kept = arena.take<float>(i * 4099);
    kept[i * 4099 - 1] = 1;
    const arena_frame temporaries(arena);
    auto* gone = arena.take<double>(i * 7001);
    gone[i * 7001 - 1] = 1;
  }
}

}  // namespace

TEST_CASE("everything taken is aligned and apart from the rest") {
  stack_arena<> arena;
  std::vector<unsigned char*> taken;
  const std::vector<std::size_t> sizes = {1, 3, 64, 65, 1000, 0, mega, 7, 3 * mega, 17};
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    auto* p = arena.take<unsigned char>(sizes[i]);
    REQUIRE(aligned(p));
    std::memset(p, static_cast<int>(i), sizes[i]);
    taken.push_back(p);
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    for (std::size_t b = 0; b < sizes[i]; b += 61) REQUIRE(taken[i][b] == i);
  }
  CHECK(aligned(arena.take<double>(5)));
}

TEST_CASE("a frame gives back what was taken during it, and no more") {
  stack_arena<> arena;
  int* before = arena.take<int>(10);
  before[0] = 42;
  int* inside = nullptr;
  {
    const arena_frame outer(arena);
    inside = arena.take<int>(10);
    {
      const arena_frame inner(arena);
      static_cast<void>(arena.take<int>(1000));
    }
    CHECK(arena.take<int>(1) != inside);
  }
  CHECK(arena.take<int>(10) == inside);
  CHECK(before[0] == 42);
}

TEST_CASE("after the first step no step asks the system for memory") {
  stack_arena<> arena;
  step(arena);
  const std::size_t growths = arena.growths(), peak = arena.peak_bytes();
  CHECK(growths > 1);  // the first step filled several blocks, which were then merged
  for (int i = 0; i < 10; ++i) step(arena);
  CHECK(arena.growths() == growths);
  CHECK(arena.peak_bytes() <= peak);
}

TEST_CASE("an empty arena merges its blocks into one that holds them all") {
  stack_arena<> arena;
  {
    const arena_frame all(arena);
    for (int i = 0; i < 3; ++i) static_cast<void>(arena.take<std::byte>(mega));
    CHECK(arena.growths() == 3);
  }
  CHECK(arena.growths() == 4);
  const arena_frame all(arena);
  auto* first = arena.take<std::byte>(mega);
  static_cast<void>(arena.take<std::byte>(mega));
  CHECK(arena.take<std::byte>(mega) == first + 2 * mega);  // one block
  CHECK(arena.growths() == 4);
}

TEST_CASE("an arena that holds something does not move it by merging") {
  stack_arena<> arena;
  auto* kept = arena.take<int>(1);
  *kept = 7;
  {
    const arena_frame rest(arena);
    static_cast<void>(arena.take<std::byte>(2 * mega));
  }
  CHECK(arena.growths() == 2);
  CHECK(*kept == 7);
}

TEST_CASE("a held arena gives no memory back until it is let go") {
  stack_arena<> arena;
  std::byte* early = nullptr;
  {
    const stack_arena<>::hold held(arena);
    {
      const arena_frame one(arena);
      static_cast<void>(arena.take<std::byte>(mega));
      early = arena.take<std::byte>(2 * mega);  // a block of its own
    }
    *early = std::byte{7};  // still there
    const arena_frame again(arena);
    CHECK(arena.take<std::byte>(mega) != nullptr);
    CHECK(arena.take<std::byte>(2 * mega) == early);
    CHECK(arena.growths() == 2);
  }
  { const arena_frame next(arena); }
  CHECK(arena.growths() == 3);  // now they are one
}

TEST_CASE("the peak is the most that was in use at once") {
  stack_arena<> arena;
  {
    const arena_frame one(arena);
    static_cast<void>(arena.take<std::byte>(1000));
    CHECK(arena.peak_bytes() == 1024);
  }
  for (int i = 0; i < 5; ++i) {
    const arena_frame one(arena);
    static_cast<void>(arena.take<std::byte>(500));
  }
  CHECK(arena.peak_bytes() == 1024);
  const arena_frame one(arena);
  static_cast<void>(arena.take<std::byte>(1000));
  static_cast<void>(arena.take<std::byte>(1));
  CHECK(arena.peak_bytes() == 1088);
}

TEST_CASE("a buffer owns aligned memory, moves, and may be empty") {
  buffer<float> empty;
  CHECK(empty.size() == 0);
  CHECK(empty.data() == nullptr);
  buffer<float> a(100);
  CHECK(aligned(a.data()));
  const float* where = a.data();
  buffer<float> b = std::move(a);
  CHECK(b.data() == where);
  CHECK(b.size() == 100);
}
