// An evaluation as JSON, and read back from it.
#include "triptych/commands/evaluation.hpp"

#include <filesystem>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include <triptych/eval/accuracy.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>

namespace triptych::app {

std::string to_json(const evaluation& e) {
  std::string text = "{\n  \"checkpoint\": " + io::json_string(e.checkpoint) +
                     ",\n  \"data\": " + io::json_string(e.data) +
                     ",\n  \"train_images\": " + std::to_string(e.train_images) +
                     ",\n  \"test_images\": " + std::to_string(e.test_images) +
                     ",\n  \"results\": [";
  for (const auto& r : e.results) {
    text += (text.back() == '[' ? "\n    " : ",\n    ") + std::string("{\"features\": ") +
            io::json_string(r.features) + ", \"protocol\": " + io::json_string(r.protocol) +
            ", \"top1\": " + io::number_text(r.accuracy.top1);
    if (r.top1_interval) {
      text += ", \"top1_low\": " + io::number_text(r.top1_interval->low) +
              ", \"top1_high\": " + io::number_text(r.top1_interval->high);
    }
    if (r.accuracy.mean_per_class) {
      text += ", \"mean_per_class\": " + io::number_text(*r.accuracy.mean_per_class);
    }
    if (r.label_fraction) text += ", \"label_fraction\": " + io::number_text(*r.label_fraction);
    text += ", \"top5\": " + io::number_text(r.accuracy.top5) +
            ", \"note\": " + io::json_string(r.note) + "}";
  }
  return text + "\n  ]\n}\n";
}

evaluation read_evaluation(const std::filesystem::path& path, const std::string& advice) {
  const auto contents = io::read_file(path);
  const auto json = io::parse_json_object(contents.text(), path.string(), advice);
  const io::json_fields all(json, path.string(), advice);
  evaluation e{.run = {},
               .checkpoint = all.text("checkpoint"),
               .data = all.text("data"),
               .train_images = all.count("train_images"),
               .test_images = all.count("test_images"),
               .results = {},
               .failures = {}};
  constexpr double most = eval::most_percent;
  for (const auto& one : all.array("results")) {
    const io::json_fields result(one, path.string() + ", results", advice);
    judgment read{result.text("features"),
                  result.text("protocol"),
                  {result.number("top1", 0, most), result.number("top5", 0, most),
                   result.measured("mean_per_class", 0, most)},
                  result.text("note")};
    const auto low = result.measured("top1_low", 0, most);
    const auto high = result.measured("top1_high", 0, most);
    if (low && high) read.top1_interval = {*low, *high};
    read.label_fraction = result.measured("label_fraction", 0, 1);
    e.results.push_back(std::move(read));
  }
  return e;
}

}  // namespace triptych::app
