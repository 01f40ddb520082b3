// What a program that needs Eigen alone may do: a training step of the method.
#include <triptych/backend/eigen.hpp>
#include <triptych/method/mncl.hpp>

#include <vector>

int main() {
  using namespace triptych;
  backend::eigen<> backend(2);
  const nn::architecture<> layers(nn::resnet({.width = 2, .blocks = {1, 1, 1, 1}}),
                                  {.projector = {8, 8}, .predictor_hidden = 4});
  method::mncl<backend::eigen<>> method(backend, layers, {.queue = 8}, 1);

  std::vector<float> images(3 * 4 * 8 * 8 * 3);  // three views of four images
  random_stream random(1, stream::augment);
  for (float& x : images) x = random.normal();
  const auto report = method.step({{12, 8, 8, 3, 3}, images.data()}, {.learning_rate = 0.01});
  return report.loss > 0 && report.gradient_norm > 0 ? 0 : 1;
}
