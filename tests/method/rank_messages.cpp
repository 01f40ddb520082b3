// How much ranks say to each other in a step: what docs/scale.md counts, to the byte.
#include <triptych/backend/distributed.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <triptych/backend/reference.hpp>
#include <triptych/comm/communicator.hpp>
#include <triptych/comm/threads.hpp>
#include <triptych/method/mncl.hpp>

#include "support/catch.hpp"
#include "support/device_array.hpp"

namespace triptych::test::rank_messages {

/// Collective operations, and the bytes that a rank gives to all others in them; numbers that are
/// summed.
struct messages {
  std::int64_t gathers = 0, bytes = 0, sums = 0, numbers = 0;

  friend bool operator==(const messages&, const messages&) = default;
};

/// A rank that counts what it says to others.
struct counting {
  comm::threads* ranks;
  messages so_far;

  [[nodiscard]] int rank() const { return ranks->rank(); }
  [[nodiscard]] int size() const { return ranks->size(); }
  void gather(const void* from, std::size_t bytes, void* to) {
    ++so_far.gathers;
    so_far.bytes += static_cast<std::int64_t>(bytes);
    ranks->gather(from, bytes, to);
  }
  void share(void* data, std::size_t bytes) { ranks->share(data, bytes); }
  template <class T>
  void sum(T* x, std::size_t n) {
    ++so_far.sums;
    so_far.numbers += static_cast<std::int64_t>(n);
    ranks->sum(x, n);
  }
};
static_assert(Communicator<counting>);

/// The BatchNorms of a part of the network: how many there are, and their channels together.
struct norms {
  std::int64_t layers = 0, channels = 0;

  norms(const nn::parameter_list& weights, std::string_view part) {
    for (const auto& p : weights) {
      if (p.shape.size() != 1 || !p.name.starts_with(part) || !p.name.ends_with(".weight"))
        continue;
      ++layers;
      channels += static_cast<std::int64_t>(p.size());
    }
  }
};

}  // namespace triptych::test::rank_messages

using namespace triptych;
using namespace triptych::test::rank_messages;

TEST_CASE("ranks say in a step of MNCL what the page on ranks counts") {
  const int ranks = GENERATE(2, 4);
  constexpr std::int64_t batch = 8, side = 16, features = 6, combinations = 6, real = 4;
  const std::int64_t n = batch / ranks;
  std::vector<messages> step(static_cast<std::size_t>(ranks));
  messages expected;
  comm::on_threads(ranks, [&](comm::threads& r) {
    counting c{&r, {}};
    backend::distributed<backend::reference<float>, counting> b(c);
    method::mncl_options options;
    options.queue = 16;
    method::mncl m(
        b, nn::architecture<>(nn::resnet({.width = 2, .blocks = {1, 1, 1, 1}}), {{8, features}, 4}),
        options, 1);
    const auto x = test::random_numbers(3 * n * side * side * 3, 1);
    const test::device_array<decltype(b)> images(b, x);
    c.so_far = {};
    static_cast<void>(m.step({{3 * n, side, side, 3, 3}, images.data()}, {}));
    step[static_cast<std::size_t>(r.rank())] = c.so_far;
    if (r.rank() > 0) return;

    const auto& weights = m.online().weight_list();
    const norms encoder(weights, "encoder."), projector(weights, "projector."),
        predictor(weights, "predictor.");
    // Three views forward and backward through all of it, two whole ones and two cut ones without
    // the predictor: moments of 24 bytes, two sums of 8.
    const auto pass = [&](std::int64_t bytes, std::int64_t views, const norms& part) {
      expected.gathers += part.layers;
      expected.bytes += bytes * views * part.channels;
    };
    for (const auto* part : {&encoder, &projector, &predictor}) {
      pass(24, 3, *part);
      pass(16, 3, *part);
    }
    for (const auto* part : {&encoder, &projector}) {
      pass(24, 2, *part);
      pass(24, 2, *part);
    }
    // A term's targets, group by group, then maxima and two sums of every row.
    for (const std::int64_t groups : {std::int64_t{1}, combinations}) {
      for (int term = 0; term < 2; ++term) {
        expected.gathers += groups + 2;
        expected.bytes += real * (groups * n * features + 3 * groups * batch);
      }
    }
    // The queue's rows, then losses and gradients.
    expected.gathers += m.pushed_rows(n) / n;
    expected.bytes += real * m.pushed_rows(n) * features;
    expected.sums = 2;
    expected.numbers = 4 + static_cast<std::int64_t>(weights.size());
  });
  for (const messages& one : step) {
    CHECK(one.gathers == expected.gathers);
    CHECK(one.bytes == expected.bytes);
    CHECK(one.sums == expected.sums);
    CHECK(one.numbers == expected.numbers);
  }
}
