// A device backend against the oracle, operation by operation, and the same bits from run to run.
// Which backend is a header that the build names, so that a GPU is asked what the host's emulation
// is asked.
#include TRIPTYCH_UNDER_TEST

#include <triptych/backend/reference.hpp>
#include <triptych/nn/normalization.hpp>

#include <string>

#include "backend/experiments.hpp"
#include "device/present.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

static_assert(Backend<device>);

namespace {
using agrees = agreement<device, backend::reference<float>>;
}

TEST_CASE("flat vectors agree with the oracle") {
  if (present()) flat_vectors<device>(agrees());
}
TEST_CASE("matrix products agree with the oracle") {
  if (present()) products<device>(agrees());
}
TEST_CASE("convolutions agree with the oracle") {
  if (present()) convolutions<device>(agrees());
}
TEST_CASE("biases agree with the oracle") {
  if (present()) biases<device>(agrees());
}
TEST_CASE("batch norm agrees with the oracle") {
  if (present()) batch_norms<device>(agrees());
}
TEST_CASE("pooling agrees with the oracle") {
  if (present()) pools<device>(agrees());
}
TEST_CASE("patches and their means agree with the oracle") {
  if (present()) patches<device>(agrees());
}
TEST_CASE("operations on rows agree with the oracle") {
  if (present()) rows_of_features<device>(agrees());
}
TEST_CASE("softmax cross-entropy agrees with the oracle") {
  if (present()) losses<device>(agrees());
}

TEST_CASE("functors of rows agree with the oracle") {
  if (present()) codes<device>(agrees());
}

TEST_CASE("every operation gives the same bits again") {
  if (!present()) return;
  device once, again;
  every_operation<device>([&](const std::string& name, double, const auto& experiment) {
    INFO(name);
    const bool same =
        experiment(once) == experiment(again);  // apart: Catch would print the numbers
    CHECK(same);
  });
}

TEST_CASE("batch normalization of one row is refused, as by the oracle") {
  if (!present()) return;
  device b;
  const device_array x(b, {1, 2, 3, 4}), parameters(b, {1, 1}), statistics(b, unwritten(4));
  const auto thrown = thrown_by([&] {
    nn::batch_norm_forward(b, {.rows = 1, .groups = 2, .channels = 2}, x.data(), parameters,
                           parameters, 1e-5f, nullptr, false, {}, statistics, statistics, x.data());
  });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("a group of one row has no variance"));
}
