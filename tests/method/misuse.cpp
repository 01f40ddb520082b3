// What a caller of a step, or an author of a method, may get wrong: each is one sentence, not a
// crash.
#include <triptych/backend/reference.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/method/simsiam.hpp>

#include <array>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;

namespace {

using oracle = backend::reference<>;

nn::architecture<> layers() {
  return nn::architecture<>(nn::resnet({.width = 2, .blocks = {1, 1, 1, 1}}),
                            {.projector = {4, 4}, .predictor_hidden = 4});
}

/// What a step says of images (rows, 8, 8, 3) in so many groups.
template <class Method>
thrown_error said(Method& m, std::int64_t rows, int groups) {
  const std::vector<double> x(static_cast<std::size_t>(rows * 8 * 8 * 3), 0.5);
  return thrown_by([&] { m.step({{rows, 8, 8, 3, groups}, x.data()}, {}, {}); });
}

/// SimSiam's first half, by an author who has forgotten something.
class forgetful : public method::learner<oracle> {
 public:
  explicit forgetful(oracle& b)
      : method::learner<oracle>(b, {.name = "forgetful", .title = "forgetful", .views = 1}),
        online_(b, layers(), {}) {
    online_.initialize(1);
  }
  method::step_report step(tensor<const double> x, const method::step_options& options,
                           const method::trace<double>&) override {
    const arena_frame scope(backend().arena());
    const auto p = online_.forward(x, std::array{0}, {.record = true}).prediction;
    std::vector<double> dp(p.size(), 1);
    const method::loss_values<oracle, 1> none(backend());
    return descend(online_, {.prediction = {p.shape, dp.data()}}, x, options, none);
  }
  [[nodiscard]] double expected_initial_loss(std::int64_t) const override { return 0; }

 protected:
  [[nodiscard]] method::step_report reported(const method::loss_list&) const override { return {}; }

 private:
  online_network<oracle> online_;
};

}  // namespace

TEST_CASE("A step with too few views, or with all in one group, is refused with both numbers") {
  oracle b;
  method::mncl<oracle> three(b, layers(), {.queue = 8}, 1);
  const auto two_views = said(three, 8, 2);
  CHECK(two_views.kind == error_kind::usage);
  CHECK(two_views.says("view 3 of images (8,8,8,3) in 2 groups; give all views one after another"));

  method::simsiam<oracle> two(b, layers(), {}, 1);
  const auto one_group = said(two, 8, 1);
  CHECK(one_group.kind == error_kind::usage);
  CHECK(one_group.says("view 2 of images (8,8,8,3) in 1 groups"));
  CHECK_NOTHROW(said(two, 8, 2));
}

TEST_CASE("A method that does not say which network learns is told so before anything is lost") {
  oracle b;
  forgetful m(b);
  const auto step = said(m, 4, 1);
  CHECK(step.kind == error_kind::usage);
  CHECK(step.says("forgetful: "));
  CHECK(step.says("call keep_online(network) in the method's constructor"));
  CHECK(thrown_by([&] { static_cast<void>(m.encoder()); }).says("keep_online"));
}

TEST_CASE("A method that keeps a second queue is told how to keep it") {
  struct two_queues : forgetful {
    explicit two_queues(oracle& b) : forgetful(b), first(b, 4, 2), second(b, 4, 2) {
      keep(first);
      keep(second);
    }
    memory::queue<oracle> first, second;
  };
  oracle b;
  const auto refused = thrown_by([&] { two_queues method(b); });
  CHECK(refused.kind == error_kind::usage);
  CHECK(refused.says("one queue is kept already; keep the rows of another as an array"));
}
