// triptych/io/checkpoint_list.hpp
//
// The checkpoints that lie in a directory (checkpoint.hpp): their names, their steps, the newest.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>

namespace triptych::io {

/// "step-000123"
std::string checkpoint_name(std::int64_t step);

/// The step of a checkpoint's directory name; nothing for any other name.
std::optional<std::int64_t> step_of_name(std::string_view name);

/// Every complete checkpoint in `directory`, by ascending step; complete, not yet proven sound.
std::map<std::int64_t, fs::path> list_checkpoints(const fs::path& directory);

/// The checkpoint that `latest` names or, without one, the one of the highest step.
std::optional<fs::path> newest_checkpoint(const fs::path& directory);

/// True if the checkpoint of a step is there and was made the newest once: a process that is killed
/// before that has not saved it.
bool is_committed(const fs::path& directory, std::int64_t step);

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/checkpoint_list_inl.hpp>
#endif
