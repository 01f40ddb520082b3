// Losses of rows that lie on several ranks: 2 x 8 and 4 x 4 images are 1 x 16. Neither a value nor a
// gradient is off by the number of ranks.
#include <triptych/backend/distributed.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <triptych/comm/threads.hpp>
#include <triptych/loss/dictionary_info_nce.hpp>
#include <triptych/loss/info_nce.hpp>
#include <triptych/loss/negative_cosine.hpp>
#include <triptych/loss/nt_xent.hpp>
#include <triptych/loss/soft_cross_entropy.hpp>

#include "loss/bench.hpp"
#include "support/larger.hpp"

namespace triptych::test::loss_on_ranks {

constexpr std::int64_t images = 16;
constexpr int width = 5;

/// `groups` groups of rows, and those of one rank.
struct grouped {
  int groups;
  numbers values;

  grouped(int g, std::uint64_t seed)
      : groups(g), values(random_numbers(g * images * width, seed)) {}

  [[nodiscard]] numbers part(int rank, int ranks) const {
    const std::int64_t n = images / ranks;
    numbers own;
    for (int g = 0; g < groups; ++g) {
      const auto first = values.begin() + (g * images + rank * n) * width;
      own.insert(own.end(), first, first + n * width);
    }
    return own;
  }
};

/// A loss's value, and the gradients of its two arguments or of the second one alone.
struct outcome {
  double value = 0;
  numbers first, second;
};

template <class B, class Loss>
outcome evaluated(B& b, const Loss& loss, const numbers& k, const numbers& p) {
  outcome o{0, numbers(k.size(), 0.25), numbers(p.size(), 0.5)};  // gradients are added
  const auto rows = [](const numbers& x) {
    return tensor<const double>{features(static_cast<std::int64_t>(x.size()) / width, width),
                                x.data()};
  };
  loss(b, rows(k), rows(p), 3.0, &o.value, o.first.data(), o.second.data());
  return o;
}

template <class Loss>
void check(const Loss& loss, int k_groups, int p_groups) {
  const grouped k(k_groups, 1), p(p_groups, 2);
  oracle alone;
  const outcome one = evaluated(alone, loss, k.values, p.values);
  const auto differ = [](const numbers& a, const numbers& b) {
    REQUIRE(a.size() == b.size());
    double worst = 0;
    for (std::size_t i = 0; i < a.size(); ++i) worst = larger(worst, std::abs(a[i] - b[i]));
    return worst;
  };
  for (const int ranks : {1, 2, 4, 8, 16}) {  // down to one image a rank
    INFO(ranks << " ranks");
    std::vector<outcome> all(static_cast<std::size_t>(ranks));
    comm::on_threads(ranks, [&](comm::threads& r) {
      backend::distributed<oracle, comm::threads> b(r);
      auto o = evaluated(b, loss, k.part(r.rank(), ranks), p.part(r.rank(), ranks));
      ranks::agree(b, &o.value, 1);  // as a step does
      all[static_cast<std::size_t>(r.rank())] = o;
    });
    for (int r = 0; r < ranks; ++r) {
      const outcome& o = all[static_cast<std::size_t>(r)];
      CHECK(std::abs(o.value - one.value) < 1e-13);
      grouped first(k_groups, 0), second(p_groups, 0);
      first.values = one.first;
      second.values = one.second;
      CHECK(differ(o.first, first.part(r, ranks)) < 1e-13);
      CHECK(differ(o.second, second.part(r, ranks)) < 1e-13);
    }
  }
}

/// Of a loss whose gradient goes to its second argument alone.
template <class Loss>
auto to_second(const Loss& loss) {
  return [loss](auto& b, auto k, auto p, double weight, double* value, double*, double* dp) {
    loss(b, k, p, weight, value, dp);
  };
}

TEST_CASE("InfoNCE over ranks is that of one, with every anchor and number of groups") {
  for (const auto anchor : {loss::anchor::target, loss::anchor::prediction}) {
    const auto info_nce = to_second(loss::info_nce{0.3, anchor});
    check(info_nce, 1, 1);
    check(info_nce, 6, 1);
    check(info_nce, 1, 6);
  }
}

TEST_CASE("NT-Xent over ranks is that of one, in both arguments and in either") {
  const loss::nt_xent nt_xent{0.3};
  check(nt_xent, 1, 1);
  check(to_second([=](auto& b, auto k, auto p, double weight, double* value, double* dp) {
          nt_xent(b, k, p, weight, value, nullptr, dp);
        }),
        1, 1);
}

TEST_CASE("the other losses over ranks are those of one") {
  check(to_second(loss::negative_cosine{}), 1, 1);
  check(to_second(loss::soft_cross_entropy{0.3}), 1, 1);
  const grouped past(2, 3);
  check(to_second([&](auto& b, auto k, auto p, double weight, double* value, double* dp) {
          const tensor<const double> dictionary{features(2 * images, width), past.values.data()};
          loss::dictionary_info_nce{0.3}(b, k, dictionary, p, weight, value, dp);
        }),
        1, 1);
}

}  // namespace triptych::test::loss_on_ranks
