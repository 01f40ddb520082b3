#include <triptych/memory/queue.hpp>

#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/backend/reference.hpp>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;

namespace {

using oracle = backend::reference<double>;
using set = memory::queue<oracle>;

// A set is read before it is written: only a reading pushes, and pushing ends it.
template <class S>
concept pushes = requires(tensor<const double> rows) {
  std::declval<S>().push(rows);
};
static_assert(!pushes<set&>);
static_assert(!pushes<set::reading&>);
static_assert(pushes<set::reading&&>);
static_assert(!std::is_copy_constructible_v<set::reading>);
static_assert(!std::is_move_assignable_v<set::reading>);

/// Rows of two numbers.
tensor<const double> pairs(const std::vector<double>& v) {
  return {features(static_cast<std::int64_t>(v.size() / 2), 2), v.data()};
}

void push(set& s, const std::vector<double>& rows) { s.look_up(pairs(rows)).push(pairs(rows)); }

std::vector<double> contents(set& s) { return {s.data(), s.data() + s.numbers()}; }

/// `n` rows (number, number), counted from `first`.
std::vector<double> counted(int first, int n) {
  std::vector<double> rows;
  for (int i = first; i < first + n; ++i) rows.insert(rows.end(), 2, i);
  return rows;
}

}  // namespace

TEST_CASE("a queue starts with random unit rows of its seed") {
  oracle b;
  set a(b, 50, 8), same(b, 50, 8), other(b, 50, 8);
  a.initialize(3);
  same.initialize(3);
  other.initialize(4);
  CHECK(contents(a) == contents(same));
  CHECK(contents(a) != contents(other));
  double mean = 0;
  for (std::int64_t r = 0; r < 50; ++r) {
    double norm = 0;
    for (int c = 0; c < 8; ++c) {
      const double v = a.data()[r * 8 + c];
      norm += v * v;
      mean += v / 400;
    }
    CHECK(norm == Approx(1).epsilon(1e-14));
  }
  CHECK(std::abs(mean) < 5 / std::sqrt(8.0 * 400));
  CHECK(a.head() == 0);
  CHECK(a.pushed() == 0);
}

TEST_CASE("a longer queue begins with a shorter one's rows") {
  oracle b;
  set a(b, 5, 4), longer(b, 9, 4);
  a.initialize(1);
  longer.initialize(1);
  CHECK(contents(a) == std::vector<double>(longer.data(), longer.data() + 20));
}

TEST_CASE("rows go round the ring whatever the size of the batch") {
  const int batch = GENERATE(1, 2, 3, 4, 5, 6, 7);
  oracle b;
  set s(b, 7, 2);
  s.initialize(1);
  for (int pushed = 0; pushed < 30; pushed += batch) {
    push(s, counted(pushed, batch));
    const int total = pushed + batch;
    CHECK(s.pushed() == total);
    CHECK(s.head() == total % 7);
    // Row r holds the last number that is r modulo 7.
    for (int r = 0; r < std::min(total, 7); ++r) {
      const int last = r + (total - 1 - r) / 7 * 7;
      CHECK(s.data()[2 * r] == last);
      CHECK(s.data()[2 * r + 1] == last);
    }
  }
}

TEST_CASE("after K / N steps no random row is left") {
  oracle b;
  set s(b, 12, 2);
  s.initialize(1);
  const auto start = contents(s);
  for (int step = 0; step < 4; ++step) push(s, counted(100 + 3 * step, 3));
  const auto end = contents(s);
  for (std::size_t i = 0; i < end.size(); ++i) CHECK(end[i] != start[i]);
}

TEST_CASE("a look-up finds the row of the largest cosine, its position and its numbers") {
  oracle b;
  set s(b, 4, 2);
  push(s, {1, 0, 0, 1, -1, 0, 0.6, 0.8});
  const std::vector<double> z = {0.8, 0.6, -0.8, -0.6, 0, 1};
  const auto found = s.look_up(pairs(z));
  CHECK(std::vector<int>(found.indices, found.indices + 3) == std::vector<int>{3, 2, 1});
  CHECK(found.neighbors.shape == features(3, 2));
  CHECK(std::vector<double>(found.neighbors.data, found.neighbors.data + 6) ==
        std::vector<double>{0.6, 0.8, -1, 0, 0, 1});
}

TEST_CASE("the nearest rows are found in their order, rank by rank") {
  oracle b;
  set s(b, 4, 2);
  push(s, {1, 0, 0, 1, -1, 0, 0.6, 0.8});
  const std::vector<double> z = {0.8, 0.6, -1, 0};
  for (const int count : {1, 2, 3, 4}) {
    const auto found = s.look_up(pairs(z), count);
    const std::vector<int> all{3, 2, 0, 1, 1, 3, 2, 0};  // both rows' first, both rows' second, ...
    CHECK(std::vector<int>(found.indices, found.indices + 2 * count) ==
          std::vector<int>(all.begin(), all.begin() + 2 * count));
    CHECK(found.neighbors.shape == features(2 * count, 2));
    CHECK(found.neighbors.data[0] == 0.6);
    CHECK(found.neighbors.data[2] == -1);
  }
  for (const int count : {0, 5}) {
    const auto refused = thrown_by([&] { static_cast<void>(s.look_up(pairs(z), count)); });
    CHECK(refused.kind == error_kind::usage);
    CHECK(refused.says("`queue`"));
  }
}

TEST_CASE("of equal neighbors the one in the lowest position is found") {
  oracle b;
  set s(b, 5, 2);
  push(s, {0, 1, 1, 0, 1, 0, 0, 1, 1, 0});
  const std::vector<double> z = {1, 0, 0, 1, 0, -1};
  const auto found = s.look_up(pairs(z));
  CHECK(std::vector<int>(found.indices, found.indices + 3) == std::vector<int>{1, 0, 1});
}

TEST_CASE("a batch looked up before it enters does not find itself") {
  oracle b;
  set s(b, 3, 2);
  push(s, {1, 0, 1, 0, 1, 0});
  const std::vector<double> z = {0, 1};
  auto found = s.look_up(pairs(z));
  CHECK(found.neighbors.data[0] == 1);
  std::move(found).push(pairs(z));
  // What was found is a copy: the push has overwritten row 0.
  CHECK(found.neighbors.data[0] == 1);
  CHECK(s.data()[1] == 1);
  CHECK(s.look_up(pairs(z)).indices[0] == 0);
}

TEST_CASE("a reading moves, pushes from where it went, and pushes once") {
  oracle b;
  set s(b, 3, 2);
  const auto rows = counted(1, 2);
  auto first = s.look_up(pairs(rows));
  auto second = std::move(first);
  CHECK(s.pushed() == 0);
  std::move(second).push(pairs(rows));
  CHECK(s.pushed() == 2);
  for (auto* ended : {&first, &second}) {
    const auto thrown = thrown_by([&] { std::move(*ended).push(pairs(rows)); });
    CHECK(thrown.kind == error_kind::usage);
    CHECK(thrown.says("look up again"));
  }
  CHECK(s.pushed() == 2);
}

TEST_CASE("a queue refuses more rows than it has, other widths, and to be empty") {
  oracle b;
  set s(b, 3, 2);
  s.initialize(1);
  const auto before = contents(s);
  const auto large = thrown_by([&] { push(s, counted(0, 4)); });
  CHECK(large.kind == error_kind::usage);
  CHECK(large.says("`queue`"));
  const std::vector<double> wide(6, 1);
  CHECK(thrown_by([&] {
          static_cast<void>(s.look_up(tensor<const double>{features(2, 3), wide.data()}));
        }).says("2 features"));
  CHECK(thrown_by([&] {
          s.look_up(pairs(counted(0, 1))).push({features(2, 3), wide.data()});
        }).kind == error_kind::usage);
  CHECK(contents(s) == before);
  CHECK(s.pushed() == 0);
  CHECK(thrown_by([&] { set(b, 0, 2); }).says("at least one row"));
  CHECK(thrown_by([&] { set(b, -1, 2); }).says("at least one row"));
}

TEST_CASE("a queue continues where a saved one stood, and refuses positions outside") {
  oracle b;
  set s(b, 5, 2);
  s.restore(3, 13);
  push(s, counted(1, 4));
  CHECK(s.head() == 2);
  CHECK(s.pushed() == 17);
  CHECK(s.data()[6] == 1);  // row 3
  CHECK(s.data()[2] == 4);  // row 1
  for (const auto& [head, pushed] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {5, 5}, {-1, 0}, {0, -1}, {3, 14}, {2, INT64_MAX}}) {  // would overflow
    const auto thrown = thrown_by([&s, head = head, pushed = pushed] { s.restore(head, pushed); });
    CHECK(thrown.kind == error_kind::checkpoint);
  }
  CHECK(s.head() == 2);
}

TEST_CASE("looking at a queue shows it as it is until the push, and pushes once") {
  oracle b;
  set s(b, 3, 2);
  push(s, counted(1, 3));
  auto reading = s.look();
  CHECK(reading.rows.shape.images == 3);
  CHECK(reading.rows.shape.channels == 2);
  CHECK(std::vector<double>(reading.rows.data, reading.rows.data + 6) == contents(s));
  const auto rows = counted(7, 1);
  std::move(reading).push(pairs(rows));
  CHECK(contents(s) == std::vector<double>{7, 7, 2, 2, 3, 3});
  CHECK(thrown_by([&] { std::move(reading).push(pairs(rows)); }).kind == error_kind::usage);
}

TEST_CASE("a look-up answers once as it is told, and then finds the nearest again") {
  oracle b;
  set s(b, 4, 2);
  push(s, {1, 0, 0, 1, -1, 0, 0, -1});
  const auto found = [&] {
    const auto reading = s.look_up(pairs({1, 0, 0, 1}));
    return std::vector<int>{reading.indices, reading.indices + 2};
  };
  s.impose({3, 2});
  {
    const auto reading = s.look_up(pairs({1, 0, 0, 1}));
    CHECK(std::vector<int>{reading.indices, reading.indices + 2} == std::vector<int>{3, 2});
    CHECK(reading.neighbors.data[1] == -1);
    CHECK(reading.neighbors.data[2] == -1);
  }
  CHECK(found() == std::vector<int>{0, 1});
  for (const auto& wrong : {std::vector<int>{0}, std::vector<int>{0, 4}, std::vector<int>{-1, 0}}) {
    s.impose(wrong);
    const auto thrown = thrown_by(found);
    CHECK(thrown.kind == error_kind::usage);
    CHECK(thrown.says("one for each row"));
  }
}
