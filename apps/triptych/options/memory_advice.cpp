#include "triptych/options/memory_advice.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include <triptych/data/registry.hpp>
#include <triptych/io/json.hpp>
#include <triptych/nn/architecture.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/resnet.hpp>

#include "triptych/options/command_line.hpp"

namespace triptych::app {

namespace {

/// What of a training run takes memory, and roughly how much: bytes that a smaller value of the
/// option takes away.
struct memory_share {
  std::string option;
  double bytes;
};

constexpr const char* fewer_images_name = "images";

std::vector<memory_share> shares_of(const train_options& o) {
  constexpr double real = 4;           // bytes
  constexpr double weight = 4 * real;  // with gradient, optimizer's state, momentum network
  constexpr double maps_of_a_block = 4, views = 3;
  const auto number = [&](const char* option) {
    return method_takes(o, option) ? io::number_in<double>(written(o, option)).value_or(0) : 0.0;
  };
  const double side = view_size(o), width = o.encoder.width;
  nn::declaration encoder;
  nn::resnet layers(o.encoder);
  layers.declare(encoder);

  double head = 0, in = layers.out(), maps = side * side * width;
  for (const int out : o.head.projector) head += std::exchange(in, out) * out;
  double stage = maps;
  for (const int blocks : o.encoder.blocks) {
    maps += maps_of_a_block * blocks * stage;
    stage /= 2;  // half the side, twice the channels
  }
  std::vector<memory_share> list{{"--batch", o.batch * views * maps * real},
                                 {"--width", static_cast<double>(encoder.weights.size()) * weight},
                                 {"--head", head * weight},
                                 {"--queue", number("queue") * in * real},
                                 {"--prototypes", number("prototypes") * in * weight}};
  // Not every method has a predictor: who gave it a size knows.
  if (o.from.has("predictor-hidden")) {
    list.push_back({"--predictor-hidden", 2 * in * o.head.predictor_hidden * weight});
  }
  if (data::generated(o.data)) {
    list.push_back({fewer_images_name,
                    static_cast<double>(o.procedural_train + o.procedural_test) * side * side * 3});
  }
  return list;
}

}  // namespace

std::string less_memory(const train_options& o) {
  if (!o.resume.empty()) return {};  // it goes on as it began
  auto shares = shares_of(o);
  std::stable_sort(shares.begin(), shares.end(),
                   [](const auto& a, const auto& b) { return a.bytes > b.bytes; });
  double all = 0;
  for (const auto& one : shares) all += one.bytes;
  constexpr double worth_naming = 0.02;
  std::vector<std::string> options;
  bool fewer_images = !data::generated(o.data);  // how large files are is not known here
  for (const auto& one : shares) {
    if (one.bytes < worth_naming * all) break;
    if (one.option == fewer_images_name) {
      fewer_images = true;
    } else {
      options.push_back(one.option);
    }
  }
  std::string text;
  for (std::size_t i = 0; i < options.size(); ++i) {
    text += (i == 0 ? "choose a smaller " : i + 1 == options.size() ? " or " : ", ") + options[i];
  }
  if (!fewer_images) return text;
  return (text.empty() ? "choose fewer images (" : text + ", or fewer images (") +
         (data::generated(o.data) ? "--procedural-train)" : "--limit-per-file)");
}

std::string less_memory(const data_options& o) {
  const std::string fewer = data::generated(o.data) ? "--procedural-train" : "--limit-per-file";
  switch (o.action) {
  case choice::data_action::list:
    break;
  case choice::data_action::verify:
    return "choose fewer images (" + fewer + ")";
  case choice::data_action::show:
    return "choose a smaller --image-size, --views or --count, or fewer images (" + fewer + ")";
  }
  return {};
}

}  // namespace triptych::app
