#include <triptych/patches/combinator.hpp>

#include <algorithm>
#include <functional>
#include <set>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using patches::choose;
using patches::grid;
using patches::whole;

static_assert(PatchCombinator<grid> && PatchCombinator<whole>);

namespace {

/// The table of one step.
template <class C>
std::vector<int> table_of(const C& c, int views, std::uint32_t step = 0, std::uint64_t seed = 1) {
  std::vector<int> table = {-1, -1, -1};  // what another step left
  c.subsets(views, random_stream(seed, stream::combine, step), table);
  return table;
}

}  // namespace

TEST_CASE("the pairs of a 2 x 2 grid come in lexicographic order, for every view") {
  const grid pairs;
  CHECK(pairs.side() == 2);
  CHECK(pairs.combinations() == 6);
  CHECK(pairs.size() == 2);
  const std::vector<int> once = {0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 3};
  std::vector<int> twice = once;
  twice.insert(twice.end(), once.begin(), once.end());
  CHECK(table_of(pairs, 1) == once);
  CHECK(table_of(pairs, 2) == twice);
}

TEST_CASE("every k gives each subset of the patches once, ascending, in order") {
  for (int side = 1; side <= 3; ++side) {
    const int patches = side * side;
    std::int64_t expected = 1;  // C(patches, k)
    for (int k = 1; k <= patches; ++k) {
      expected = expected * (patches - k + 1) / k;
      const grid g(side, {.k = k});
      INFO("side " << side << ", k " << k);
      CHECK(g.combinations() == expected);
      const auto table = table_of(g, 1);
      REQUIRE(table.size() == static_cast<std::size_t>(expected * k));
      std::vector<std::vector<int>> subsets;
      for (auto at = table.begin(); at != table.end(); at += k) subsets.emplace_back(at, at + k);
      for (const auto& s : subsets) {
        CHECK(std::adjacent_find(s.begin(), s.end(), std::greater_equal<>()) == s.end());
        CHECK(s.front() >= 0);
        CHECK(s.back() < patches);
      }
      // Strictly ascending subsets of the right number are all of them.
      CHECK(std::adjacent_find(subsets.begin(), subsets.end(), std::greater_equal<>()) ==
            subsets.end());
    }
  }
}

TEST_CASE("whole is one subset of one patch for every view") {
  CHECK(whole::side() == 1);
  CHECK(whole::combinations() == 1);
  CHECK(table_of(whole(), 3) == std::vector<int>{0, 0, 0});
}

TEST_CASE("one at random is one of the subsets, drawn for each view and step") {
  const grid one(2, {.k = 2, .one_at_random = true});
  CHECK(one.combinations() == 1);
  const auto all = table_of(grid(), 1);
  std::set<std::vector<int>> known, seen;
  for (auto at = all.begin(); at != all.end(); at += 2) known.emplace(at, at + 2);
  int views_differ = 0;
  for (std::uint32_t step = 0; step < 200; ++step) {
    const auto table = table_of(one, 2, step);
    REQUIRE(table.size() == 4);
    const std::vector<int> first(table.begin(), table.begin() + 2),
        second(table.begin() + 2, table.end());
    CHECK(known.contains(first));
    CHECK(known.contains(second));
    seen.insert(first);
    if (first != second) ++views_differ;
  }
  CHECK(seen == known);
  CHECK(views_differ > 140);  // 167 expected: five in six
  CHECK(views_differ < 190);
}

TEST_CASE("one at random is the same again for the same seed and step") {
  const grid one(3, {.k = 4, .one_at_random = true});
  for (std::uint32_t step = 0; step < 20; ++step) {
    CHECK(table_of(one, 2, step) == table_of(one, 2, step));
  }
  int seeds_differ = 0;
  for (std::uint32_t step = 0; step < 20; ++step) {
    if (table_of(one, 2, step, 1) != table_of(one, 2, step, 2)) ++seeds_differ;
  }
  CHECK(seeds_differ > 15);
}

TEST_CASE("a grid refuses more patches than it has, none, and no grid at all") {
  for (const auto& [side, k] :
       std::vector<std::pair<int, int>>{{2, 5}, {2, 0}, {2, -1}, {0, 1}, {-2, 1}}) {
    const auto thrown = thrown_by([side = side, k = k] { grid(side, {.k = k}); });
    INFO("side " << side << ", k " << k);
    CHECK(thrown.kind == error_kind::usage);
    CHECK(thrown.says("cannot be chosen"));
  }
  CHECK(thrown_by([] { grid(2, {.k = 5}); }).says("5 of 4 patches"));
}
