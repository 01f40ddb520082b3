// Training steps and a look at their features, as bits: those of every way to build this program.
#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/backend/eigen.hpp>
#include <triptych/eval/collapse.hpp>
#include <triptych/eval/knn.hpp>
#include <triptych/method/mncl.hpp>

#include <cstdio>
#include <vector>

int main() {
  using namespace triptych;
  using backend_type = backend::eigen<convolution::any>;
  for (const char* name : {"fast", "implicit_gemm", "winograd2"}) {
    convolution::any::choose(name);
    backend_type backend(2);
    const nn::architecture<> layers(nn::resnet({.width = 16, .blocks = {1, 1, 1, 1}}),
                                    {.projector = {8, 8}, .predictor_hidden = 4});
    method::mncl<backend_type> method(backend, layers, {.queue = 8}, 1);

    std::vector<float> images(3 * 4 * 16 * 16 * 3);  // three views of four images
    random_stream random(1, stream::augment);
    for (float& x : images) x = random.normal();
    const tensor<const float> x{{12, 16, 16, 3, 3}, images.data()};
    for (int step = 0; step < 2; ++step) {
      const auto report = method.step(x, {.learning_rate = 0.01});
      if (!(report.loss > 0 && report.gradient_norm > 0)) return 1;
      std::printf("%s %a %a\n", name, report.loss, report.gradient_norm);
    }

    const auto h = method.encoder().embed(x);
    const eval::feature_set rows{
        12, h.shape.channels, 2, {h.data, h.data + h.size()}, {0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1}};
    std::printf("%a", eval::effective_rank(rows.values, rows.size, rows.dim));
    for (const float vote : eval::knn_votes(rows, rows, {.k = 3}, backend.pool()))
      std::printf(" %a", double(vote));
    std::printf("\n");
  }
}
