// triptych/io/checkpoint_saving.hpp
//
// Saves checkpoints in the steps that checkpoint.hpp names, and prunes the older ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/safetensors_writing.hpp>

namespace triptych::io {

/// A file to save: `model` becomes model.safetensors.
struct checkpoint_file {
  std::string name;
  std::vector<tensor_source> tensors;
  metadata_map metadata = {};
};

/// Which checkpoints outlive a save.
struct retention {
  std::size_t keep = 2;                   ///< the newest ones, at least 1
  std::optional<std::int64_t> best = {};  ///< and this step's
};

/// Makes `path` the checkpoint from which a run goes on: its `latest`. After a load of an
/// older one, call this before training; a path outside of `directory` changes nothing.
void mark_latest(const fs::path& directory, const fs::path& path);

/// Saves a checkpoint under `directory`, which is made where it is missing, and prunes: what stays
/// is the newest `keep` up to this step, and the best; checkpoints of later steps belong to an
/// abandoned future and go. Returns its path. Throws error::io; the previous checkpoint is then
/// untouched, and no half-written one is left. Throws error::usage where something that we did not
/// write has the checkpoint's name.
fs::path save_checkpoint(const fs::path& directory, const checkpoint_note& note,
                         const std::vector<checkpoint_file>& files, const retention& policy = {});

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/checkpoint_saving_inl.hpp>
#endif
