// triptych/io/checkpoint_loading.hpp
//
// Loads checkpoints (checkpoint.hpp): all of one, checked, or an error that names a sound one
// beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/safetensors_reading.hpp>

namespace triptych::io {

/// A checkpoint that passed every check.
struct loaded_checkpoint {
  fs::path path;
  std::int64_t format = 0;
  std::string library_version;
  checkpoint_note note;
  std::map<std::string, safetensors_file> files;  ///< by name, such as `model`

  /// A missing file throws error::checkpoint.
  [[nodiscard]] const safetensors_file& file(const std::string& name) const;
};

/// Lists the checkpoints that a version of triptych without lists left in `directory`: those with a
/// sealed manifest and a note that `belongs` accepts, and `latest`.
void adopt_checkpoints(const fs::path& directory,
                       const std::function<bool(const checkpoint_note&)>& belongs);

/// Reads a checkpoint: its directory, or a link to it. Throws error::checkpoint if anything about
/// it is wrong, with `advice`, or else naming the newest sound one beside it, for which those are
/// read; and error::io if it cannot be read.
loaded_checkpoint load_checkpoint(const fs::path& given, const std::string& advice = {});

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/checkpoint_loading_inl.hpp>
#endif
