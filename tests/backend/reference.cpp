#include <triptych/backend/reference.hpp>
#include <triptych/nn/normalization.hpp>

#include <cmath>
#include <limits>
#include <vector>

#include "support/catch.hpp"

using namespace triptych;

static_assert(Backend<backend::reference<float>>);
static_assert(Backend<backend::reference<double>>);

// All numbers here are small sums of powers of two unless `Approx` is used, so that they compare
// exactly in both precisions. Where an operation overwrites, its output starts as `junk`.

namespace {

constexpr auto no = transpose::no, yes = transpose::yes;
constexpr int junk = 77;

/// x, channels last, of one 3x3 image: 1 ... 9.
template <class T>
const std::vector<T> nine{1, 2, 3, 4, 5, 6, 7, 8, 9};

/// A 3x3 kernel, padding 1, over a 3x3 image of one channel.
constexpr convolution::geometry three_by_three{1, 3, 3, 1, 1, 3, 1, 1};

}  // namespace

// -- moving numbers and flat vectors ------------------------------------------------------------

TEMPLATE_TEST_CASE("numbers move unchanged", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> x{1, -2, 3};
  std::vector<TestType> there(3), copied(3), back(3);
  b.upload(x.data(), 3, there.data());
  b.copy(there.data(), 3, copied.data());
  b.download(copied.data(), 3, back.data());
  CHECK(back == x);

  const std::vector<int> indices{2, 0, 1};
  std::vector<int> indices_back(3);
  b.download_indices(indices.data(), 3, indices_back.data());
  CHECK(indices_back == indices);

  b.fill(back.data(), 2, 5);
  CHECK(back == std::vector<TestType>{5, 5, 3});
}

TEMPLATE_TEST_CASE("flat vectors are added, multiplied, scaled and interpolated", "", float,
                   double) {
  backend::reference<TestType> b;
  const std::vector<TestType> x{1, 2, -4};
  std::vector<TestType> y{3, 5, 8};
  b.add(x.data(), 3, y.data());
  CHECK(y == std::vector<TestType>{4, 7, 4});
  b.multiply(x.data(), 3, y.data());
  CHECK(y == std::vector<TestType>{4, 14, -16});
  b.scale(TestType(0.5), 3, y.data());
  CHECK(y == std::vector<TestType>{2, 7, -8});
  b.interpolate(TestType(0.75), x.data(), 3, y.data());
  CHECK(y == std::vector<TestType>{1.75, 5.75, -7});
}

TEMPLATE_TEST_CASE("SGD keeps a momentum buffer that weight decay enters", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> gradient{4}, scale{2};
  std::vector<TestType> weight{8}, momentum{0};
  const auto step = [&] {
    b.sgd(1, gradient.data(), TestType(0.5), TestType(0.5), TestType(0.25), scale.data(),
          momentum.data(), weight.data());
  };
  step();  // g = 2 * 4 + 8 / 4 = 10 = buffer
  CHECK(momentum[0] == 10);
  CHECK(weight[0] == 3);
  step();  // g = 8 + 3 / 4, buffer = 5 + g
  CHECK(momentum[0] == TestType(13.75));
  CHECK(weight[0] == TestType(-3.875));
}

TEMPLATE_TEST_CASE("a vector reduces to its sum of squares, its mean and whether it is finite", "",
                   float, double) {
  backend::reference<TestType> b;
  std::vector<TestType> x{1, -2, 4, 5};
  CHECK(b.sum_of_squares(x.data(), 4) == 46);
  TestType mean = junk;
  b.mean(x.data(), 4, 3, &mean);
  CHECK(mean == 6);

  x[3] = std::numeric_limits<TestType>::max();
  CHECK(b.all_finite(x.data(), 4));
  x[1] = -std::numeric_limits<TestType>::infinity();
  CHECK_FALSE(b.all_finite(x.data(), 4));
  x[1] = std::numeric_limits<TestType>::quiet_NaN();
  CHECK_FALSE(b.all_finite(x.data(), 4));
  CHECK(b.all_finite(x.data(), 1));
}

// -- matrix product -----------------------------------------------------------------------------

TEMPLATE_TEST_CASE("a product takes each factor as it lies or transposed", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> left{1, 2, 3, 4, 5, 6}, left_transposed{1, 4, 2, 5, 3, 6};
  const std::vector<TestType> right{1, 0, 2, 1, 0, 3}, right_transposed{1, 2, 0, 0, 1, 3};
  const std::vector<TestType> product{5, 11, 14, 23};
  const auto multiply = [&](transpose ta, transpose tb) {
    std::vector<TestType> c(4, junk);
    b.gemm(ta, tb, 2, 2, 3, 1, (ta == no ? left : left_transposed).data(),
           (tb == no ? right : right_transposed).data(), 0, c.data());
    return c;
  };
  CHECK(multiply(no, no) == product);
  CHECK(multiply(yes, no) == product);
  CHECK(multiply(no, yes) == product);
  CHECK(multiply(yes, yes) == product);
}

TEMPLATE_TEST_CASE("a product is scaled and added to what beta leaves of the old", "", float,
                   double) {
  backend::reference<TestType> b;
  const TestType x = 3, y = 4;
  TestType c = 8;
  b.gemm(no, no, 1, 1, 1, 2, &x, &y, TestType(0.5), &c);
  CHECK(c == 28);
  c = std::numeric_limits<TestType>::quiet_NaN();
  b.gemm(no, no, 1, 1, 1, 2, &x, &y, 0, &c);
  CHECK(c == 24);
}

// -- convolution and linear layers --------------------------------------------------------------

TEMPLATE_TEST_CASE("a kernel of ones sums each neighborhood, and padding is zero", "", float,
                   double) {
  backend::reference<TestType> b;
  const std::vector<TestType> ones(9, 1);
  std::vector<TestType> y(9, junk);
  b.convolution_forward(three_by_three, nine<TestType>.data(), ones.data(), y.data());
  CHECK(y == std::vector<TestType>{12, 21, 16, 27, 45, 33, 24, 39, 28});

  SECTION("a stride of two leaves every other one") {
    std::vector<TestType> corners(4, junk);
    b.convolution_forward({1, 3, 3, 1, 1, 3, 2, 1}, nine<TestType>.data(), ones.data(),
                          corners.data());
    CHECK(corners == std::vector<TestType>{12, 16, 24, 28});
  }
  SECTION("no padding leaves the middle") {
    std::vector<TestType> middle(1, junk);
    b.convolution_forward({1, 3, 3, 1, 1, 3, 1, 0}, nine<TestType>.data(), ones.data(),
                          middle.data());
    CHECK(middle == std::vector<TestType>{45});
  }
}

TEMPLATE_TEST_CASE("images need not be square, and do not touch each other", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> x{1, 2, 3, 4, 5, 6}, ones(9, 1);
  std::vector<TestType> y(6, junk);
  b.convolution_forward({2, 1, 3, 1, 1, 3, 1, 1}, x.data(), ones.data(), y.data());
  CHECK(y == std::vector<TestType>{3, 6, 5, 9, 15, 11});
}

TEMPLATE_TEST_CASE("the tap above the center moves an image down, and its gradient up", "", float,
                   double) {
  backend::reference<TestType> b;
  std::vector<TestType> above(9, 0), y(9, junk), dx(9, junk);
  above[1] = 1;
  b.convolution_forward(three_by_three, nine<TestType>.data(), above.data(), y.data());
  CHECK(y == std::vector<TestType>{0, 0, 0, 1, 2, 3, 4, 5, 6});
  b.convolution_backward_data(three_by_three, nine<TestType>.data(), above.data(), dx.data(),
                              false);
  CHECK(dx == std::vector<TestType>{4, 5, 6, 7, 8, 9, 0, 0, 0});
  b.convolution_backward_data(three_by_three, nine<TestType>.data(), above.data(), dx.data(), true);
  CHECK(dx == std::vector<TestType>{8, 10, 12, 14, 16, 18, 0, 0, 0});
}

TEMPLATE_TEST_CASE("the gradient of the weights is the neighborhood of each gradient", "", float,
                   double) {
  backend::reference<TestType> b;
  std::vector<TestType> dy(9, 0), dw(9, junk);
  dy[0] = 1;  // the upper left corner
  b.convolution_backward_weights(three_by_three, nine<TestType>.data(), dy.data(), dw.data(),
                                 false);
  CHECK(dw == std::vector<TestType>{0, 0, 0, 0, 1, 2, 0, 4, 5});
  b.convolution_backward_weights(three_by_three, nine<TestType>.data(), dy.data(), dw.data(), true);
  CHECK(dw == std::vector<TestType>{0, 0, 0, 0, 2, 4, 0, 8, 10});
}

TEMPLATE_TEST_CASE("a 1x1 convolution multiplies pixels by an in x out matrix", "", float, double) {
  backend::reference<TestType> b;
  const convolution::geometry g{2, 1, 1, 2, 3, 1, 1, 0};
  const std::vector<TestType> x{1, 2, 3, 4}, w{1, 0, 2, 0, 1, 3};
  std::vector<TestType> y(6, junk), dx(4, junk), dw(6, junk);
  b.convolution_forward(g, x.data(), w.data(), y.data());
  CHECK(y == std::vector<TestType>{1, 2, 8, 3, 4, 18});
  const std::vector<TestType> dy{1, 0, 0, 0, 1, 1};
  b.convolution_backward_data(g, dy.data(), w.data(), dx.data(), false);
  CHECK(dx == std::vector<TestType>{1, 0, 2, 4});
  b.convolution_backward_weights(g, x.data(), dy.data(), dw.data(), false);
  CHECK(dw == std::vector<TestType>{1, 3, 3, 2, 4, 4});
}

TEMPLATE_TEST_CASE("a bias is added to every row, and relu cuts below zero but lets NaN pass", "",
                   float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> bias{1, -3};
  std::vector<TestType> y{1, 2, -4, 5};
  SECTION("without relu") {
    b.bias_forward(2, 2, bias.data(), false, y.data());
    CHECK(y == std::vector<TestType>{2, -1, -3, 2});
  }
  SECTION("with relu") {
    b.bias_forward(2, 2, bias.data(), true, y.data());
    CHECK(y == std::vector<TestType>{2, 0, 0, 2});
  }
  SECTION("NaN") {
    y[0] = std::numeric_limits<TestType>::quiet_NaN();
    b.bias_forward(2, 2, bias.data(), true, y.data());
    CHECK(std::isnan(y[0]));
  }
}

TEMPLATE_TEST_CASE("the gradient of a bias sums the rows that relu let pass", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> y{2, 0, 0, 2};
  std::vector<TestType> dy{1, 2, 3, 4}, dbias{10, 20};
  SECTION("without relu") {
    b.bias_backward(2, 2, nullptr, dy.data(), dbias.data());
    CHECK(dy == std::vector<TestType>{1, 2, 3, 4});
    CHECK(dbias == std::vector<TestType>{14, 26});
  }
  SECTION("with relu") {
    b.bias_backward(2, 2, y.data(), dy.data(), dbias.data());
    CHECK(dy == std::vector<TestType>{1, 0, 0, 4});
    CHECK(dbias == std::vector<TestType>{11, 24});
  }
}

// -- batch normalization ------------------------------------------------------------------------

TEMPLATE_TEST_CASE("every group is normalized by its own statistics", "", float, double) {
  backend::reference<TestType> b;
  const norm_shape two_groups{2, 2, 1};
  const std::vector<TestType> x{1, 3, 10, 14}, weight{2}, bias{1};
  std::vector<TestType> running_mean{0}, running_variance{1};
  std::vector<TestType> mean(2, junk), inverse(2, junk), y(4, junk);
  nn::batch_norm_forward(b, two_groups, x.data(), weight.data(), bias.data(), 0, nullptr, false,
                         {running_mean.data(), running_variance.data(), TestType(0.5)}, mean.data(),
                         inverse.data(), y.data());
  CHECK(mean == std::vector<TestType>{2, 12});
  CHECK(inverse == std::vector<TestType>{1, 0.5});
  CHECK(y == std::vector<TestType>{-1, 3, -1, 3});
  // Group after group, the variances unbiased: 2, then 8.
  CHECK(running_mean == std::vector<TestType>{6.5});
  CHECK(running_variance == std::vector<TestType>{4.75});
}

TEMPLATE_TEST_CASE("batch norm adds the residual before relu and may write over its input", "",
                   float, double) {
  backend::reference<TestType> b;
  const norm_shape s{2, 1, 2};
  const std::vector<TestType> x{1, 5, 3, 1}, weight{1, 2}, bias{0, 1}, residual{4, 0, -3, 0};
  const std::vector<TestType> expected{3, 3, 0, 0};  // {-1, 3, 1, -1} before residual and relu
  std::vector<TestType> mean(2, junk), inverse(2, junk);
  const auto run = [&](const TestType* from, const TestType* plus, TestType* to) {
    nn::batch_norm_forward(b, s, from, weight.data(), bias.data(), 0, plus, true, {}, mean.data(),
                           inverse.data(), to);
  };
  SECTION("elsewhere") {
    std::vector<TestType> y(4, junk);
    run(x.data(), residual.data(), y.data());
    CHECK(y == expected);
  }
  SECTION("over x") {
    std::vector<TestType> y = x;
    run(y.data(), residual.data(), y.data());
    CHECK(y == expected);
  }
  SECTION("over the residual") {
    std::vector<TestType> y = residual;
    run(x.data(), y.data(), y.data());
    CHECK(y == expected);
  }
  CHECK(mean == std::vector<TestType>{2, 3});
  CHECK(inverse == std::vector<TestType>{1, 0.5});
}

TEMPLATE_TEST_CASE("a constant channel is divided by the root of epsilon", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> x{5, 5}, weight{3}, bias{2};
  std::vector<TestType> mean(1), inverse(1), y(2);
  nn::batch_norm_forward(b, {2, 1, 1}, x.data(), weight.data(), bias.data(), TestType(0.0625),
                         nullptr, false, {}, mean.data(), inverse.data(), y.data());
  CHECK(inverse[0] == 4);
  CHECK(y == std::vector<TestType>{2, 2});
}

TEMPLATE_TEST_CASE("batch norm refuses a group of one row", "", float, double) {
  backend::reference<TestType> b;
  TestType x = 1, one = 1, zero = 0, mean = 0, inverse = 0;
  CHECK_THROWS_AS(nn::batch_norm_forward(b, {1, 2, 1}, &x, &one, &zero, 0, nullptr, false, {},
                                         &mean, &inverse, &x),
                  error);
}

TEMPLATE_TEST_CASE("evaluation normalizes by the running statistics", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> weight{2, 1}, bias{1, 0}, running_mean{1, -1};
  const std::vector<TestType> running_variance{3, 15}, residual{0, 1, 0, -2};
  std::vector<TestType> x{3, 7, -5, 3};
  nn::batch_norm_evaluate(b, 2, 2, x.data(), weight.data(), bias.data(), 1, running_mean.data(),
                          running_variance.data(), residual.data(), true, x.data());
  CHECK(x == std::vector<TestType>{3, 3, 0, 0});
}

TEMPLATE_TEST_CASE("the gradient of batch norm leaves out the mean and the normalized input", "",
                   float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> x{-1, -1, 1, 1}, weight{2}, mean{0}, inverse{1};
  const std::vector<TestType> y{1, 0, 1, 0};  // of the relu: lets rows 0 and 2 pass
  std::vector<TestType> dy{1, 0, 0, 0}, dweight{10}, dbias{20}, dx(4, junk);
  const auto run = [&](const TestType* mask, TestType* to) {
    nn::batch_norm_backward(b, {4, 1, 1}, x.data(), mask, weight.data(), mean.data(),
                            inverse.data(), dy.data(), dweight.data(), dbias.data(), to);
  };
  SECTION("without relu") {
    run(nullptr, dx.data());  // mean(dy) = 1/4, mean(dy n) = -1/4
    CHECK(dx == std::vector<TestType>{1, -1, 0, 0});
    CHECK(dweight[0] == 9);
    CHECK(dbias[0] == 21);
  }
  SECTION("with relu, whose mask stays in dy") {
    dy = {1, 8, 0, 8};
    run(y.data(), dx.data());
    CHECK(dy == std::vector<TestType>{1, 0, 0, 0});
    CHECK(dx == std::vector<TestType>{1, -1, 0, 0});
    CHECK(dweight[0] == 9);
    CHECK(dbias[0] == 21);
  }
  SECTION("over dy") {
    run(nullptr, dy.data());
    CHECK(dy == std::vector<TestType>{1, -1, 0, 0});
  }
}

TEMPLATE_TEST_CASE("groups of two rows give no gradient to their input", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> x{1, 3, 10, 14}, weight{2}, mean{2, 12}, inverse{1, 0.5};
  std::vector<TestType> dy{1, 2, 4, 8}, dweight{0}, dbias{0}, dx(4, junk);
  nn::batch_norm_backward(b, {2, 2, 1}, x.data(), nullptr, weight.data(), mean.data(),
                          inverse.data(), dy.data(), dweight.data(), dbias.data(), dx.data());
  CHECK(dx ==
        std::vector<TestType>{0, 0, 0, 0});  // normalized, they are -1 and 1 whatever they are
  CHECK(dweight[0] == 5);
  CHECK(dbias[0] == 15);
}

// -- pooling and patches ------------------------------------------------------------------------

TEMPLATE_TEST_CASE("max pooling keeps the largest of a window, and where it was", "", float,
                   double) {
  backend::reference<TestType> b;
  const shape in{1, 3, 3, 1};
  std::vector<TestType> y(4, junk), dx(9, junk);
  std::vector<int> argmax(4, junk);
  const std::vector<TestType> dy{1, 2, 4, 8};

  SECTION("overlapping windows add their gradients") {
    const std::vector<TestType> x{0, 1, 0, 2, 9, 3, 0, 4, 0};
    b.max_pool_forward(in, 2, 1, 0, x.data(), y.data(), argmax.data());
    CHECK(y == std::vector<TestType>{9, 9, 9, 9});
    CHECK(argmax == std::vector<int>{4, 4, 4, 4});
    b.max_pool_backward(in, 2, 2, dy.data(), argmax.data(), dx.data());
    CHECK(dx == std::vector<TestType>{0, 0, 0, 0, 15, 0, 0, 0, 0});
  }
  SECTION("padding never wins, and of equals the first does") {
    const std::vector<TestType> x{-1, -1, -2, -1, -3, -3, -4, -4, -2};
    b.max_pool_forward(in, 3, 2, 1, x.data(), y.data(), argmax.data());
    CHECK(y == std::vector<TestType>{-1, -1, -1, -2});
    CHECK(argmax == std::vector<int>{0, 1, 3, 8});
    b.max_pool_backward(in, 2, 2, dy.data(), argmax.data(), dx.data());
    CHECK(dx == std::vector<TestType>{1, 2, 0, 4, 0, 0, 0, 0, 8});
  }
  SECTION("NaN wins") {
    std::vector<TestType> x = nine<TestType>;
    x[0] = std::numeric_limits<TestType>::quiet_NaN();
    b.max_pool_forward(in, 2, 1, 0, x.data(), y.data(), argmax.data());
    CHECK(std::isnan(y[0]));
    CHECK(y[3] == 9);
  }
}

TEMPLATE_TEST_CASE("pooling keeps images and channels apart", "", float, double) {
  backend::reference<TestType> b;
  const shape in{2, 1, 2, 2};
  const std::vector<TestType> x{1, 8, 3, 2, -5, 6, -7, 10}, dy{1, 2, 3, 4};
  std::vector<TestType> y(4, junk), dx(8, junk);
  std::vector<int> argmax(4, junk);
  b.max_pool_forward(in, 1, 2, 0, x.data(), y.data(), argmax.data());  // every other pixel
  CHECK(y == std::vector<TestType>{1, 8, -5, 6});
  CHECK(argmax == std::vector<int>{0, 0, 0, 0});
  b.average_pool_forward(in, x.data(), y.data());
  CHECK(y == std::vector<TestType>{2, 5, -6, 8});
  b.average_pool_backward(in, dy.data(), dx.data());
  CHECK(dx == std::vector<TestType>{0.5, 1, 0.5, 1, 1.5, 2, 1.5, 2});
}

TEMPLATE_TEST_CASE("an image is cut into patches, patch after patch, image after image", "", float,
                   double) {
  backend::reference<TestType> b;
  const shape in{2, 2, 4, 1};
  const std::vector<TestType> x{1,  2,  3,  4,  5,  6,  7,  8,    // the first image
                                11, 12, 13, 14, 15, 16, 17, 18};  // the second
  std::vector<TestType> patches(16, junk);
  b.divide(in, 2, x.data(), patches.data());
  CHECK(patches == std::vector<TestType>{1, 2, 11, 12, 3, 4, 13, 14, 5, 6, 15, 16, 7, 8, 17, 18});
}

TEMPLATE_TEST_CASE("combined rows are means of subsets of patches, view by view", "", float,
                   double) {
  backend::reference<TestType> b;
  // Two views of two images with three patches; each view has its own two pairs.
  const std::vector<int> table{0, 1, 1, 2, 0, 2, 1, 2};
  const subset_means s{2, 3, 2, 2, 2, 1, table.data()};
  const std::vector<TestType> patches{1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60};
  std::vector<TestType> means(8, junk), dpatches(12, junk);
  b.combine_forward(s, patches.data(), means.data());
  CHECK(means == std::vector<TestType>{2, 3, 4, 5, 30, 40, 40, 50});
  const std::vector<TestType> dmeans{2, 4, 6, 8, 10, 12, 14, 16};
  b.combine_backward(s, dmeans.data(), dpatches.data());
  CHECK(dpatches == std::vector<TestType>{1, 2, 4, 6, 3, 4, 5, 6, 7, 8, 12, 14});
}

// -- losses and memory --------------------------------------------------------------------------

TEMPLATE_TEST_CASE("rows are divided by their length, and a row of zeros stays one", "", float,
                   double) {
  backend::reference<TestType> b;
  const std::vector<TestType> x{3, 4, 0, 0, 0, -2};
  std::vector<TestType> y(6, junk), inverse(3, junk);
  b.normalize_rows_forward(3, 2, x.data(), y.data(), inverse.data());
  CHECK(y[0] == Approx(0.6));
  CHECK(y[1] == Approx(0.8));
  CHECK(inverse[0] == Approx(0.2));
  CHECK(y[2] == 0);
  CHECK(y[3] == 0);
  CHECK(inverse[1] == Approx(1e12));
  CHECK(y[5] == -1);
  CHECK(inverse[2] == TestType(0.5));
}

TEMPLATE_TEST_CASE("the gradient of a normalized row has nothing along it", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> y{0, 1, 0, 1}, inverse{0.5, 2}, dy{3, 5, 0, 7};
  std::vector<TestType> dx{10, 20, 30, 40};
  b.normalize_rows_backward(2, 2, y.data(), inverse.data(), dy.data(), 4, dx.data());
  CHECK(dx == std::vector<TestType>{16, 20, 30, 40});
}

TEMPLATE_TEST_CASE("equal logits cost the logarithm of their number", "", float, double) {
  backend::reference<TestType> b;
  std::vector<TestType> logits(8, 1000), loss(2, junk);  // so large that exp must not see them
  SECTION("all columns take part") {
    b.softmax_cross_entropy({2, 4, 1}, 2, logits.data(), loss.data());
    CHECK(loss[0] == Approx(std::log(4.0)));
    CHECK(loss[1] == Approx(std::log(4.0)));
    CHECK(logits == std::vector<TestType>{0.5, -1.5, 0.5, 0.5, 0.5, 0.5, -1.5, 0.5});
  }
  SECTION("labels wrap, and each row leaves the others' positives out") {
    b.softmax_cross_entropy({2, 4, 3}, 4, logits.data(), loss.data());
    CHECK(logits == std::vector<TestType>{1, 1, 1, -3, -3, 1, 1, 1});
    logits = {0.25, 9999, 0.25, 0.25, 9999, 0.25, 0.25, 0.25};
    b.softmax_cross_entropy({2, 4, 0, 2}, 3, logits.data(), loss.data());
    CHECK(loss[0] == Approx(std::log(3.0)));
    CHECK(loss[1] == Approx(std::log(3.0)));
    const std::vector<double> expected{-2, 0, 1, 1, 0, -2, 1, 1};
    for (std::size_t i = 0; i < 8; ++i) CHECK(logits[i] == Approx(expected[i]).margin(1e-6));
  }
}

TEMPLATE_TEST_CASE("softmax is proportional to the exponential", "", float, double) {
  backend::reference<TestType> b;
  std::vector<TestType> logits{0, static_cast<TestType>(std::log(3.0))};
  TestType loss = junk;
  b.softmax_cross_entropy({1, 2, 0}, 1, logits.data(), &loss);
  CHECK(loss == Approx(std::log(4.0)));
  CHECK(logits[0] == Approx(-0.75));
  CHECK(logits[1] == Approx(0.75));
}

TEMPLATE_TEST_CASE("the largest column is found, and rows are fetched by it", "", float, double) {
  backend::reference<TestType> b;
  const std::vector<TestType> x{1, 3, 3, -5, -4, -6};
  std::vector<int> index(2, junk);
  b.argmax_rows(2, 3, x.data(), index.data());
  CHECK(index == std::vector<int>{1, 1});

  const std::vector<int> wanted{1, 0, 1};
  std::vector<TestType> y(9, junk);
  b.gather_rows(x.data(), wanted.data(), 3, 3, y.data());
  CHECK(y == std::vector<TestType>{-5, -4, -6, 1, 3, 3, -5, -4, -6});
}
