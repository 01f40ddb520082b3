// apps/triptych/commands/compact_cell.hpp
//
// What a reader needs of a finished cell: settings, checksums of its images, environment, metrics and
// accuracies; no checkpoint, no encoder, and no path of the machine that trained it. Some 10 KiB.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

namespace triptych::app {

/// The next step where something of a cell or its table cannot be read.
inline constexpr const char* cell_repair =
    "make that table again with triptych reproduce, or leave it out";

/// Beside the records in eval/.
inline constexpr std::array<const char*, 5> cell_files{
    "config.toml", "data.json", "environment.json", "metrics.jsonl", "status.json"};

/// Copies this from the directory `run` to the directory `to`; `records` are names of files in eval/.
/// They come last: with them the cell is finished. Throws error::checkpoint where `to` has another
/// result.
void copy_cell(const std::filesystem::path& run, const std::filesystem::path& to,
               const std::vector<std::string>& records);

/// Copies an evaluation. Throws error::checkpoint if there is one that is not the same.
void copy_record(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace triptych::app
