// triptych/core/error.hpp
//
// Every failure of the library is one `triptych::error`: a sentence for a person, ending with the
// next step to take, and a kind that an application turns into its exit code.
#pragma once

#include <stdexcept>
#include <string>

#include <triptych/config.hpp>
#include <triptych/core/printable.hpp>

namespace triptych {

/// What went wrong; the value is the exit code of the app (docs/exit_codes.md).
enum class error_kind : int {
  runtime = 1,     ///< anything without a code of its own
  usage = 2,       ///< a wrong option, configuration or argument
  non_finite = 3,  ///< training produced NaN or infinity
  busy = 4,        ///< the run directory belongs to another process
  data = 5,        ///< a data set is missing, damaged or empty
  checkpoint = 6,  ///< a checkpoint is damaged or of another architecture
  memory = 7,      ///< there is none left
  io = 74,         ///< the file system refused: disk full, read-only
};

/// The library's only exception type. Its sentence is one printable() line, whatever is quoted in it.
class error : public std::runtime_error {
 public:
  error(error_kind kind, const std::string& sentence)
      : std::runtime_error(printable(sentence)), kind_(kind) {}

  [[nodiscard]] error_kind kind() const noexcept { return kind_; }
  [[nodiscard]] int exit_code() const noexcept { return static_cast<int>(kind_); }

  // Named factories, so that a call site reads `throw error::data("...")`.
  static error runtime(const std::string& s) { return {error_kind::runtime, s}; }
  static error usage(const std::string& s) { return {error_kind::usage, s}; }
  static error non_finite(const std::string& s) { return {error_kind::non_finite, s}; }
  static error busy(const std::string& s) { return {error_kind::busy, s}; }
  static error data(const std::string& s) { return {error_kind::data, s}; }
  static error checkpoint(const std::string& s) { return {error_kind::checkpoint, s}; }
  static error memory(const std::string& s) { return {error_kind::memory, s}; }
  static error io(const std::string& s) { return {error_kind::io, s}; }

 private:
  error_kind kind_;
};

}  // namespace triptych
