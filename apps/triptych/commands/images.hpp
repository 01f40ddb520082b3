// apps/triptych/commands/images.hpp
//
// The images of a command: read, what became of every file, and held against those that a run was
// trained on.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/augment/normalize.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/first_few.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/train/data_identity.hpp>

#include "triptych/console.hpp"
#include "triptych/options/make.hpp"
#include "triptych/options/options.hpp"

namespace triptych::app {

/// Reads what `o` asks for; generated images as `run` has them.
template <class Run>
train::identified_images load_images(const image_choice& o, const Run& run, int threads) {
  thread_pool pool(threads);
  return train::load_identified(data_source(o, run), &pool);
}

/// A line for each reason why files are no images of the set, with the first `most` of them:
/// "3 hidden: a, b, ...".
inline std::vector<std::string> account_lines(const data::account& skipped, std::size_t most = 3) {
  std::vector<std::string> lines;
  for (const auto& [why, paths] : skipped) {
    lines.push_back(std::to_string(paths.size()) + " " + why + ": " +
                    first_few(paths, most, [](const auto& path) { return path.string(); }));
  }
  return lines;
}

/// How images lie: "in memory, 184.3 MB", or that they are decoded as needed.
inline std::string whereabouts(const data::split& images) {
  const double bytes = static_cast<double>(images.train.pixels.size()) +
                       static_cast<double>(images.test.pixels.size());
  return images.train.read || images.test.read ? "decoded as needed"
                                               : "in memory, " + size_text(bytes);
}

/// The account as it is kept in a run: how many files of each kind, and the names of damaged ones.
inline std::string data_json(const train::identified_images& data) {
  std::string counts, damaged;
  for (const auto& [why, paths] : data.images.skipped) {
    counts +=
        (counts.empty() ? "" : ", ") + io::json_string(why) + ": " + std::to_string(paths.size());
    if (!why.starts_with("damaged")) continue;
    for (const auto& path : paths) {
      damaged += (damaged.empty() ? "\n    " : ",\n    ") + io::json_string(path.string());
    }
  }
  return "{\n  \"images\": " + train::to_json(data.identity) + ",\n  \"skipped\": {" + counts +
         "},\n  \"damaged\": [" + damaged + (damaged.empty() ? "]" : "\n  ]") + "\n}\n";
}

inline constexpr const char* identity_key = "data";  ///< in the manifest of a checkpoint

/// Which images a checkpoint says that it was trained on. Older ones do not say it.
inline std::optional<train::data_identity> identity_of(const io::loaded_checkpoint& saved) {
  const auto found = saved.note.extra.find(identity_key);
  if (found == saved.note.extra.end()) return std::nullopt;
  return train::read_identity(found->second, (saved.path / "MANIFEST.json, data").string());
}

/// Images are normalized as `choice` has it; by itself, by the `known` constants of those that the
/// weights were trained on. Where these are not known and the data set's were measured, `notices`
/// gets a warning.
inline void normalize_as(const std::optional<augment::normalization>& known,
                         const normalize_choice& choice, train::identified_images& data,
                         std::vector<std::string>& notices) {
  using kind = normalize_choice::kind;
  auto& constants = data.identity.constants;
  if (choice.from == kind::given) constants = choice.numbers;
  if (choice.from == kind::imagenet) constants = augment::imagenet_normalization;
  if (choice.from == kind::automatic && known) constants = *known;
  if (choice.from == kind::automatic && !known &&
      data::data_set_of(data.identity.name).place == data::place::given) {
    notices.emplace_back(
        "warning: the run does not say which images it was trained on; these are taken for them, "
        "and what normalizes these for what normalized those");
  }
  for (auto* set : {&data.images.train, &data.images.test}) {
    set->mean = constants.mean;
    set->deviation = constants.deviation;
  }
}

/// "24 training images, not 16, ..."
inline std::string in_words(const std::vector<std::string>& changes) {
  return joined(changes, [](const auto& one) { return one; });
}

/// The images are not those of the run; `advice` ends the sentence.
inline error other_images(const std::string& run, const std::vector<std::string>& changes,
                          const std::string& advice) {
  return error::checkpoint("the images are not those that " + run + " was trained on: there are " +
                           in_words(changes) + "; " + advice);
}

inline error no_test_images(const data::image_set& set, const std::string& advice) {
  return error::data("the data set " + set.name + " has no test images; " + advice);
}

}  // namespace triptych::app
