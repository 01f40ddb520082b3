// apps/triptych/commands/protocol_state.hpp
//
// Where a protocol that trains keeps its state while it works: checkpoints in a directory of its own,
// which one process holds at a time. A stopped one goes on from there, if what it works on is the
// same to the bit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/file.h>

#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>

namespace triptych::app {

/// Throws error::io where `held`, in which an evaluation works, was removed or moved away meanwhile.
inline void refuse_moved(const io::held_directory& held) {
  if (held.in_place()) return;
  throw error::io("the directory " + held.path().string() +
                  " was removed or moved away while the evaluation was going on; evaluate the run "
                  "where it lies now");
}

class protocol_state {
 public:
  /// `what` names the protocol in messages; `identity` says all that decides its numbers. Without
  /// `resume` the state that is there, if it is ours, is removed. Throws error::busy where another
  /// process is at it, error::usage where it is not ours, error::checkpoint where what is to be
  /// resumed has another identity or is damaged.
  protocol_state(std::filesystem::path directory, std::string what, std::string identity,
                 bool resume)
      : directory_(std::move(directory)), what_(std::move(what)), identity_(std::move(identity)) {
    io::make_directories(directory_);
    owned_.emplace(directory_);
    if (!io::lock_directory(owned_->in(), LOCK_EX)) {
      throw error::busy("another process is at the " + place() + "; wait until it ends");
    }
    owned_->clear_leftovers();
    const auto newest = io::newest_checkpoint(directory_);
    if (!resume) {
      owned_->remove_all();
      if (io::newest_checkpoint(directory_)) {
        throw error::usage("the " + place() + " is in no list (" + io::marker_name +
                           ") of what was written there; continue it with --resume, or move it "
                           "away");
      }
    } else if (newest) {
      saved_ = io::load_checkpoint(*newest);
      if (saved_->note.config != identity_) {
        throw error::checkpoint("the " + place() + " is another: " + saved_->note.config +
                                " where " + identity_ + " is asked for" + advice());
      }
    }
  }

  /// What was saved, if it is to be resumed.
  [[nodiscard]] const std::optional<io::loaded_checkpoint>& saved() const { return saved_; }

  /// A number of it. Throws error::checkpoint where there is none from low to high.
  template <class Number>
  [[nodiscard]] Number number(const std::string& key, Number low, Number high) const {
    const auto found = saved_->note.extra.find(key);
    const auto value =
        found == saved_->note.extra.end() ? std::nullopt : io::number_in<Number>(found->second);
    if (!value || *value < low || *value > high) throw damaged(key);
    return *value;
  }
  [[nodiscard]] error damaged(const std::string& field) const {
    return error::checkpoint("the " + what_ + " " + saved_->path.string() + " has no proper \"" +
                             field + "\" in MANIFEST.json" + advice());
  }

  /// Once all of it has been read: what an older version left there becomes ours.
  void adopt() const {
    io::adopt_checkpoints(
        directory_, [this](const io::checkpoint_note& note) { return note.config == identity_; });
  }

  /// Throws error::io where the directory is no longer where it was: it is not made again.
  void save(std::int64_t step, std::int64_t epoch, io::metadata_map numbers,
            const std::vector<io::checkpoint_file>& files) const {
    refuse_moved(owned_->in());
    io::save_checkpoint(directory_, {step, epoch, identity_, std::move(numbers)}, files);
  }

 private:
  [[nodiscard]] std::string place() const { return what_ + " in " + directory_.string(); }
  [[nodiscard]] std::string advice() const {
    return "; remove " + directory_.string() + " to begin anew";
  }

  std::filesystem::path directory_;
  std::string what_, identity_;
  std::optional<io::owned_names> owned_;  ///< holds the directory and its lock
  std::optional<io::loaded_checkpoint> saved_;
};

}  // namespace triptych::app
