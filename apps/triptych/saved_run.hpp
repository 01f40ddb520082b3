// apps/triptych/saved_run.hpp
//
// What later commands need to know of a run that lies in files: how it was configured.
#pragma once

#include <string>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint.hpp>

#include "command_line.hpp"
#include "options.hpp"

namespace triptych::app {

/// The options that a checkpoint was trained with. Throws error::checkpoint.
inline train_options config_of(const io::loaded_checkpoint& saved) {
  try {
    return config_from_toml(saved.note.config, (saved.path / "MANIFEST.json, config").string());
  } catch (const error& failure) {
    const auto other = with_advice(failure, "take another checkpoint, or triptych " +
                                                saved.library_version + ", which wrote this one");
    throw error::checkpoint(other.what());
  }
}

}  // namespace triptych::app
