// apps/triptych/commands/evaluation.hpp
//
// An evaluation as data, and as the JSON in which it is kept.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/eval/accuracy.hpp>
#include <triptych/eval/confusion.hpp>

#include "triptych/options/options.hpp"

namespace triptych::app {

/// A line of the result: what was evaluated, how, and what came out.
struct judgment {
  std::string features;  ///< "trained", "untrained", "raw pixels"
  std::string protocol;  ///< see protocol_name()
  eval::accuracy accuracy;
  std::string note;
  std::optional<eval::interval> top1_interval{};      ///< not in files of older versions
  std::optional<eval::confusion_matrix> confusion{};  ///< not kept
  std::optional<double> label_fraction{};             ///< by a share of the labels; else by all
};

/// Which training images keep their label at a share of the labels.
struct label_draw {
  double fraction = 1;
  std::vector<std::int64_t> images{};  ///< ascending
};

struct evaluation {
  std::filesystem::path run;  ///< where eval.json belongs; not kept
  std::string checkpoint, data;
  std::int64_t train_images = 0, test_images = 0;
  std::vector<judgment> results{};
  std::vector<error> failures{};           ///< why others were not measured; not kept
  std::vector<std::string> class_names{};  ///< none where nobody has named them; not kept
  std::vector<label_draw> draws{};         ///< in files of their own

  /// The accuracy of these features by this protocol with all labels, if it was measured.
  [[nodiscard]] std::optional<eval::accuracy> of(std::string_view features,
                                                 std::string_view protocol) const {
    for (const auto& r : results) {
      const bool asked = r.features == features && r.protocol == protocol;
      if (asked && !r.label_fraction) return r.accuracy;
    }
    return {};
  }
};

inline constexpr std::string_view best_epoch_name = "linear, best epoch";

/// How results name a protocol; of linear evaluation it is the last epoch that counts.
constexpr std::string_view protocol_name(choice::protocol protocol) {
  constexpr std::string_view names[]{"linear, last epoch", "logistic", "kNN", "finetune"};
  return names[static_cast<std::size_t>(protocol)];
}

/// Evaluates what `asked.run` names; nothing if a signal stopped it. A protocol that trains
/// is kept in `state` while it lasts; without one the result is written, too, where the run or
/// --out has it. Throws error::usage, error::data,
/// error::checkpoint and error::io.
std::optional<evaluation> judge(const eval_options& asked, const std::filesystem::path& state = {});

std::string to_json(const evaluation& e);

/// What to_json() wrote to `path`. Throws error::checkpoint if that is damaged; `advice` ends the
/// sentence.
evaluation read_evaluation(const std::filesystem::path& path, const std::string& advice);

}  // namespace triptych::app
