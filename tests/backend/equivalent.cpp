// The CPU backends against the oracle, operation by operation, and the same bits for any number of
// threads. A backend joins by one line in `pairs` and, if it has threads, one in `threaded`.
#include <triptych/backend/eigen.hpp>
#include <triptych/backend/reference.hpp>

#include <string>
#include <tuple>
#include <utility>

#include "backend/experiments.hpp"
#include "backend/normalizing.hpp"
#include "support/catch.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

/// A backend and what it is compared with. Reference in float is measured against itself in double,
/// for the sake of the chain.
using pairs = std::tuple<std::pair<backend::eigen<>, backend::reference<float>>,
                         std::pair<backend::reference<float>, backend::reference<double>>>;
using threaded = std::tuple<backend::eigen<>>;

static_assert(Backend<backend::eigen<>>);
static_assert(NormalizingBackend<backend::eigen<>>);
static_assert(!NormalizingBackend<backend::reference<float>>);

template <class Pair>
agreement<typename Pair::first_type, typename Pair::second_type> within_tolerance() {
  return agreement<typename Pair::first_type, typename Pair::second_type>(2);
}

}  // namespace

TEMPLATE_LIST_TEST_CASE("flat vectors agree with the oracle", "", pairs) {
  flat_vectors<typename TestType::first_type>(within_tolerance<TestType>());
}
TEMPLATE_LIST_TEST_CASE("matrix products agree with the oracle", "", pairs) {
  products<typename TestType::first_type>(within_tolerance<TestType>());
}
TEMPLATE_LIST_TEST_CASE("convolutions agree with the oracle", "", pairs) {
  convolutions<typename TestType::first_type>(within_tolerance<TestType>());
}
TEMPLATE_LIST_TEST_CASE("biases agree with the oracle", "", pairs) {
  biases<typename TestType::first_type>(within_tolerance<TestType>());
}
TEMPLATE_LIST_TEST_CASE("batch norm agrees with the oracle", "", pairs) {
  batch_norms<typename TestType::first_type>(within_tolerance<TestType>());
}
TEST_CASE("convolutions that normalize what they read agree with the oracle") {
  using pair = std::tuple_element_t<0, pairs>;
  normalizing_batch_norms<pair::first_type>(within_tolerance<pair>());
  normalizing_convolutions<pair::first_type>(within_tolerance<pair>());
}
TEMPLATE_LIST_TEST_CASE("pooling agrees with the oracle", "", pairs) {
  pools<typename TestType::first_type>(within_tolerance<TestType>());
}
TEMPLATE_LIST_TEST_CASE("patches and their means agree with the oracle", "", pairs) {
  patches<typename TestType::first_type>(within_tolerance<TestType>());
}
TEMPLATE_LIST_TEST_CASE("operations on rows agree with the oracle", "", pairs) {
  rows_of_features<typename TestType::first_type>(within_tolerance<TestType>());
}
TEMPLATE_LIST_TEST_CASE("softmax cross-entropy agrees with the oracle", "", pairs) {
  losses<typename TestType::first_type>(within_tolerance<TestType>());
}

TEMPLATE_LIST_TEST_CASE("functors of rows agree with the oracle", "", pairs) {
  codes<typename TestType::first_type>(within_tolerance<TestType>());
}

TEMPLATE_LIST_TEST_CASE("every operation gives the same bits on 1, 2, 3 and 8 threads", "",
                        threaded) {
  TestType one(1), two(2), three(3), eight(8);
  const auto same_bits = [&](const std::string& name, double, const auto& experiment) {
    INFO(name);
    const numbers expected = experiment(one);
    for (TestType* b : {&two, &three, &eight}) {
      const bool same = experiment(*b) == expected;  // apart: Catch would print all the numbers
      CHECK(same);
    }
  };
  every_operation<TestType>(same_bits);
  normalizing_batch_norms<TestType>(same_bits);
  normalizing_convolutions<TestType>(same_bits);
}
