#include <triptych/core/nearest_name.hpp>

#include <array>

#include "support/catch.hpp"

using triptych::edit_distance;
using triptych::nearest_name;

TEST_CASE("the edit distance counts insertions, deletions and replacements") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("abc", "") == 3);
  CHECK(edit_distance("kitten", "sitting") == 3);
  CHECK(edit_distance("cifar10", "cifar100") == 1);
}

TEST_CASE("the nearest name is the one with the smallest distance, the first of equals") {
  constexpr std::array<std::string_view, 3> names{"learning-rate", "batch", "batches"};
  CHECK(nearest_name<std::string_view>("batc", names) == "batch");
  CHECK(nearest_name<std::string_view>("learningrate", names) == "learning-rate");
  CHECK(nearest_name<std::string_view>("batchxy", names) == "batch");
}
