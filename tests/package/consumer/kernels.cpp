// What the CPU backend computes, as text. Built once for each instruction set, into one program.
#include <cstdio>
#include <string>
#include <vector>

#include <triptych/backend/eigen.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/nn/normalization.hpp>

std::string NAME() {
  using namespace triptych;
  backend::eigen<> backend(1);
  random_stream random(1, stream::augment);
  const auto numbers = [&](std::size_t n) {
    std::vector<float> x(n);
    for (float& v : x) v = random.normal();
    return x;
  };
  std::string text;
  const auto tell = [&](const std::vector<float>& x) {
    double sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += double(x[i]) * static_cast<double>(i % 7 + 1);
    char hex[40];
    std::snprintf(hex, sizeof hex, " %a", sum);
    text += hex;
  };
  const convolution::geometry g{4, 8, 8, 16, 64, 3, 1, 1};
  const auto x = numbers(4 * 64 * 16), w = numbers(9 * 16 * 64);
  std::vector<float> y(4 * 64 * 64), normal(y.size()), mean(64), deviation(64), product(64 * 64);
  backend.convolution_forward(g, x.data(), w.data(), y.data());
  tell(y);
  convolution::direct::forward(backend.pool(), backend.arena(), g, x.data(), w.data(), y.data());
  tell(y);
  const auto weight = numbers(64), bias = numbers(64);
  triptych::nn::batch_norm_forward(backend, {256, 1, 64}, y.data(), weight.data(), bias.data(),
                                   1e-5f, nullptr, true, {}, mean.data(), deviation.data(),
                                   normal.data());
  tell(normal);
  backend.gemm(transpose::yes, transpose::no, 64, 64, 256, 1, y.data(), normal.data(), 0,
               product.data());
  tell(product);
  return text;
}
