// triptych/io/file.hpp
//
// The few things asked of the file system, each with its failure turned into one sentence that
// names the file and says what to do. Interrupted calls are repeated and short writes completed;
// whoever needs a file to survive a power cut syncs it and then its directory. What is replaced or
// removed is named within a directory that is held open, so that no link and no exchanged path can
// lead elsewhere meanwhile.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/io/failpoint.hpp>

namespace triptych::io {

namespace fs = std::filesystem;

/// Throws error::io: "cannot <action> <path>: <why>; <what to do>". With which command to try again
/// is not known here. A lack of memory (ENOMEM) is std::bad_alloc.
[[noreturn]] void throw_io(std::string_view action, const fs::path& path, int code);

/// Owns a POSIX file descriptor.
class descriptor {
 public:
  explicit descriptor(int fd = -1) noexcept : fd_(fd) {}
  descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

namespace detail {

/// Makes a system call until it is not interrupted; passes the failpoint `name` each time.
template <class Call>
auto repeat_call(std::string_view name, const Call& call) -> decltype(call()) {
  for (;;) {
    decltype(call()) result = -1;
    if (const int simulated = failpoint(name); simulated > 0) {
      errno = simulated;
    } else {
      result = call();
    }
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace detail

/// Opens `path`; `flags` as for open(2). New files get mode 0666 less the umask.
descriptor open_file(const fs::path& path, int flags);

/// What lies at a path, links followed; not_found where nothing does. Throws error::io where that
/// cannot be known: what cannot be looked at is not missing.
fs::file_type type_of(const fs::path& path);
inline bool is_there(const fs::path& path) { return type_of(path) != fs::file_type::not_found; }
inline bool is_a_directory(const fs::path& path) {
  return type_of(path) == fs::file_type::directory;
}

/// Writes all of `bytes` to `fd`; `path` is for the message only.
void write_all(const descriptor& fd, std::span<const std::byte> bytes, const fs::path& path);

void write_all(const descriptor& fd, std::string_view text, const fs::path& path);

/// Forces what was written to `fd` to the disk; pipes and devices have nothing to force.
void sync_file(const descriptor& fd, const fs::path& path);

/// A directory that is held open. What is done through it happens in it, wherever its path leads
/// meanwhile. Names are those of its own entries; a link is taken as itself and never followed.
class held_directory {
 public:
  explicit held_directory(fs::path path)
      : path_(std::move(path)),
        fd_(open_file(path_.empty() ? "." : path_, O_RDONLY | O_DIRECTORY)) {}
  held_directory(const held_directory& above, const std::string& name)
      : path_(above.path_ / name), fd_(above.open(name, O_RDONLY | O_DIRECTORY)) {}

  [[nodiscard]] const fs::path& path() const noexcept { return path_; }
  [[nodiscard]] int get() const noexcept { return fd_.get(); }

  /// Opens a file; its descriptor is negative, and errno says why, if that fails.
  [[nodiscard]] descriptor try_open(const std::string& name, int flags, mode_t mode = 0666) const;
  [[nodiscard]] descriptor open(const std::string& name, int flags, mode_t mode = 0666) const;

  /// Whether its path still leads to it: false once it was removed or moved away.
  [[nodiscard]] bool in_place() const;

  /// What an entry is; nothing if it is not there.
  [[nodiscard]] std::optional<struct stat> status(const std::string& name) const;

  /// The names of all entries.
  [[nodiscard]] std::vector<std::string> names() const;

  /// False if the name is taken.
  [[nodiscard]] bool make(const std::string& name) const;

  void rename(const std::string& from, const std::string& to) const;

  /// Removes a file or a link; a missing one is fine.
  void remove(const std::string& name) const;

  /// Removes a directory if it is empty; false if it is not, and for a link to one.
  bool remove_directory(const std::string& name) const;

  /// Forces the names (creations, renames) to the disk.
  void sync() const { sync_file(fd_, path_); }

 private:
  [[nodiscard]] bool unlink(const std::string& name, int flags) const;

  fs::path path_;
  descriptor fd_;
};

/// The names of all entries of a directory; none if there is no such directory.
std::vector<std::string> names_in(const fs::path& path);

/// Makes one directory; an existing one is fine.
void make_directory(const fs::path& path);

/// Makes a directory and those above it.
void make_directories(const fs::path& path);

/// Makes something under a name that nothing has, for what is not finished: `.tmp-<name>-<pid>`, or
/// with a number behind that where an earlier process of this pid left one. `make(temporary)`
/// returns false where the name is taken.
template <class Make>
std::string make_temporary(const std::string& name, const Make& make) {
  const std::string temporary = ".tmp-" + name + "-" + std::to_string(::getpid());
  for (int again = 0;; ++again) {
    std::string tried = temporary + (again == 0 ? "" : "." + std::to_string(again));
    if (make(tried)) return tried;
  }
}

/// The name for which `temporary` was made; nothing for a name of another form.
std::optional<std::string> name_of_temporary(std::string_view temporary);

/// A file being written that is to take the place of `name`. Until it does it has no name, so that
/// nothing is left of it whatever happens; where the file system has no such files it has a
/// temporary one.
class replacement {
 public:
  /// A file that was there passes on who may read it.
  replacement(const held_directory& in, std::string name);
  replacement(const replacement&) = delete;
  replacement& operator=(const replacement&) = delete;
  ~replacement() { drop(); }

  [[nodiscard]] const descriptor& fd() const noexcept { return fd_; }

  /// Forces it to the disk and gives it its name, in one step for whoever looks.
  void finish();

 private:
  void drop();
  /// Makes `name` a name of what has none; false if it is taken.
  [[nodiscard]] bool link_as(const std::string& name) const;

  const held_directory& in_;
  std::string name_;
  std::string temporary_;  // its name until it is finished; empty while it has none
  descriptor fd_;
};

/// Replaces a file in one step: readers see the old file or the whole new one, also after a power
/// cut. `write(fd, path)` fills it.
template <class Write>
void replace_in(const held_directory& in, const std::string& name, const Write& write) {
  replacement file(in, name);
  write(file.fd(), in.path() / name);
  file.finish();
}

/// Replaces `path` so. What is not a regular file (a device, a pipe) is written to directly.
template <class Write>
void replace_file_with(const fs::path& path, const Write& write) {
  std::error_code ignored;
  if (const auto kind = fs::status(path, ignored).type();
      kind != fs::file_type::not_found && kind != fs::file_type::regular) {
    write(open_file(path, O_WRONLY), path);
    return;
  }
  replace_in(held_directory(path.parent_path()), path.filename().string(), write);
}

void replace_file(const fs::path& path, std::string_view text);

/// The contents of a file.
struct file_bytes {
  std::unique_ptr<std::byte[]> data;
  std::size_t size = 0;

  [[nodiscard]] std::span<const std::byte> bytes() const { return {data.get(), size}; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(data.get()), size};
  }
};

/// A regular file open for reading, and its size when it was opened.
struct input_file {
  fs::path path;
  descriptor fd;
  std::uint64_t size = 0;
};

/// Opens a regular file for reading; a directory, pipe or device is refused with error::io.
input_file open_input(const fs::path& path);

/// Fills `to` with the bytes from `offset` on; several threads may read at once.
void read_at(const input_file& file, std::uint64_t offset, std::span<std::byte> to);

/// Reads the next `size` bytes; a file that ends earlier is refused with error::io.
file_bytes read_bytes(const input_file& file, std::size_t size);

inline constexpr std::uint64_t longest_text = std::uint64_t{64} << 20,
                               any_length = ~std::uint64_t{};

/// Reads a whole file; one of more than `most` bytes is refused with error::io.
file_bytes read_file(const fs::path& path, std::uint64_t most = longest_text);

/// Lets a write beyond the file size limit fail (error::io) where it would kill the process. An
/// application calls it once, before it writes.
void ignore_file_size_signal();

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/file_inl.hpp>
#endif
