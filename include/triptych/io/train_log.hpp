// triptych/io/train_log.hpp
//
// Lines for a person, written to the console and to a file alike (train.log), so that what was seen
// can be read again. The file grows over resumed runs; it never decides anything.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include <fcntl.h>

#include <triptych/core/printable.hpp>
#include <triptych/io/file.hpp>

namespace triptych::io {

class train_log {
 public:
  /// Appends to `path`; lines also go to `console` unless it is null. Throws error::io.
  explicit train_log(fs::path path, std::FILE* console = stderr)
      : path_(std::move(path)), fd_(open_file(path_, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW)),
        console_(console) {}

  /// Writes `text`, made printable(), and a line break. Throws error::io if the file cannot take
  /// it.
  void line(std::string_view text) const {
    const std::string whole = printable(text) + "\n";
    if (console_ != nullptr) {
      std::fwrite(whole.data(), 1, whole.size(), console_);
      std::fflush(console_);
    }
    write_all(fd_, whole, path_);
  }

 private:
  fs::path path_;
  descriptor fd_;
  std::FILE* console_;
};

}  // namespace triptych::io
