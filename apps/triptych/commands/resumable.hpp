// apps/triptych/commands/resumable.hpp
//
// Whether a run can go on from a checkpoint. Tensors of the right shapes do not yet make it one of
// this run.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <triptych/io/checkpoint.hpp>
#include <triptych/io/run_directory.hpp>
#include <triptych/train/data_identity.hpp>

#include "triptych/options/options.hpp"

namespace triptych::app {

/// Throws error::checkpoint unless `saved` was trained as `asked`.
void refuse_other_configuration(const io::loaded_checkpoint& saved, const train_options& asked);

/// Throws error::checkpoint if `saved` is of a later step than the run's last one, number `steps`.
void refuse_step_beyond(const io::loaded_checkpoint& saved, std::int64_t steps);

/// `images` are normalized as those that `saved` was trained on. Where they are others, throws
/// error::checkpoint, or, with --accept-changed-data, adds to `notices` what differs.
void go_on_with_images(const io::loaded_checkpoint& saved, const train_options& asked,
                       train::identified_images& images, std::vector<std::string>& notices);

/// Nothing is written in a run that is there before it is known to be ours: one without lists, of
/// an earlier version, gets them now.
void own_files(const io::run_directory& run);

}  // namespace triptych::app
