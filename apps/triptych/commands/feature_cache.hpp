// apps/triptych/commands/feature_cache.hpp
//
// Features that an evaluation has computed, kept as safetensors, so that the next one of the same
// encoder and images does not encode again. A file says what it is of, and the checksum of its
// numbers; one that is of something else, or damaged, is made anew.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <triptych/core/error.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/eval/features.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/safetensors.hpp>

#include "triptych/build_info.hpp"
#include "triptych/console.hpp"

namespace triptych::app {

class feature_cache {
 public:
  /// Files in `directory`, in which nobody else may be at work and of which what an interrupted
  /// process left is cleared; none where that is not given.
  feature_cache(std::optional<std::filesystem::path> directory, progress& bar)
      : directory_(std::move(directory)), bar_(bar) {
    if (directory_ && io::is_a_directory(*directory_)) {
      io::owned_names(*directory_).clear_leftovers();
    }
  }

  /// The `dim` features of the labeled images of `set`: those kept under `name`, if this program
  /// made them of `subject`, else encode(), which are then kept.
  template <class Encode>
  eval::feature_set of(const std::string& name, const std::string& subject,
                       const data::image_set& set, int dim, const Encode& encode) {
    if (!directory_) return encode();
    const auto file = name + ".safetensors";
    const auto identity = identity_of(subject);
    if (auto found = read(*directory_ / file, identity, set, dim)) return std::move(*found);
    auto features = encode();
    try {
      write(file, identity, features);
    } catch (const error& failure) {  // a full disk costs nothing but time
      bar_.note(std::string("warning: features are not kept: ") + failure.what());
    }
    return features;
  }

  /// Those kept under `name` in `directory`, for a reader; nothing where there are none of
  /// `subject` that this program made.
  static std::optional<eval::feature_set> kept(const std::filesystem::path& directory,
                                               const std::string& name, const std::string& subject,
                                               const data::image_set& set, int dim) {
    return read(directory / (name + ".safetensors"), identity_of(subject), set, dim);
  }

 private:
  static std::string identity_of(const std::string& subject) {
    return subject + ", by triptych " + io::library_version() + " " + build_commit;
  }

  static std::string checksum(const eval::feature_set& f) {
    io::hasher sum;
    sum.add(std::as_bytes(std::span(f.values)));
    sum.add(std::as_bytes(std::span(f.labels)));
    return io::hex_text(sum.result().xxh64);
  }

  static std::optional<eval::feature_set> read(const std::filesystem::path& path,
                                               const std::string& identity,
                                               const data::image_set& set, int dim) {
    try {
      if (!io::is_there(path)) return std::nullopt;
      const auto header = io::read_safetensors_header(path);
      const auto entry = [&](const char* key) {
        const auto found = header.metadata.find(key);
        return found == header.metadata.end() ? std::string() : found->second;
      };
      const auto& shape = header.at("features").shape;
      const auto rows = set.labeled();
      if (entry("identity") != identity || shape != io::tensor_shape{rows, dim}) {
        return std::nullopt;
      }
      const auto file = io::safetensors_file::open(path);
      eval::feature_set kept{rows, dim, set.classes, file.values<float>("features"),
                             file.values<std::int32_t>("labels")};
      const bool same_labels =
          kept.labels.size() == static_cast<std::size_t>(rows) &&
          std::equal(kept.labels.begin(), kept.labels.end(), set.labels.begin());
      if (!same_labels || checksum(kept) != entry("xxh64")) return std::nullopt;
      return kept;
    } catch (const error&) {  // damaged: made anew
      return std::nullopt;
    }
  }

  void write(const std::string& file, const std::string& identity,
             const eval::feature_set& f) const {
    io::make_directories(*directory_);
    io::owned_names(*directory_).claim({file});
    io::save_safetensors(*directory_ / file,
                         {io::tensor_of<float>("features", {f.size, f.dim}, f.values),
                          io::tensor_of<std::int32_t>("labels", {f.size}, f.labels)},
                         {{"identity", identity}, {"xxh64", checksum(f)}});
  }

  std::optional<std::filesystem::path> directory_;
  progress& bar_;
};

}  // namespace triptych::app
