// triptych/io/file.hpp
//
// The few things asked of the file system, each with its failure turned into one sentence that
// names the file and says what to do. Interrupted calls are repeated and short writes completed;
// whoever needs a file to survive a power cut syncs it and then its directory.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/io/failpoint.hpp>

namespace triptych::io {

namespace fs = std::filesystem;

/// Throws error::io: "cannot <action> <path>: <why>; <what to do>".
[[noreturn]] inline void throw_io(std::string_view action, const fs::path& path, int code) {
  std::string advice = "check the disk and the path, then try again";
  switch (code) {
  case ENOSPC:
  case EDQUOT:
    advice = "free some disk space, then continue with --resume";
    break;
  case EFBIG:
    advice = "raise the file size limit (ulimit -f), then continue with --resume";
    break;
  case EROFS:
  case EACCES:
  case EPERM:
    advice = "choose a place that you may write to and read from";
    break;
  case ENOENT:
  case ENOTDIR:
    advice = "check that the path is spelled right";
    break;
  default:
    break;
  }
  throw error::io("cannot " + std::string(action) + " " + path.string() + ": " +
                  std::generic_category().message(code) + "; " + advice);
}

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
inline descriptor open_file(const fs::path& path, int flags) {
  const int fd = detail::repeat_call(
      "open", [&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode_t{0666}); });
  if (fd < 0) throw_io("open", path, errno);
  return descriptor(fd);
}

/// Writes all of `bytes` to `fd`; `path` is for the message only.
inline void write_all(const descriptor& fd, std::span<const std::byte> bytes,
                      const fs::path& path) {
  while (!bytes.empty()) {
    constexpr std::size_t most = 1u << 30;  // the kernel takes less than 2 GiB a call
    std::size_t count = bytes.size() < most ? bytes.size() : most;
    ssize_t written = -1;
    if (const int simulated = failpoint("write"); simulated > 0) {
      errno = simulated;
    } else {
      if (simulated == short_write) count = 1;
      written = ::write(fd.get(), bytes.data(), count);
    }
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io("write", path, errno);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

inline void write_all(const descriptor& fd, std::string_view text, const fs::path& path) {
  write_all(fd, std::as_bytes(std::span(text)), path);
}

/// Forces what was written to `fd` to the disk; pipes and devices have nothing to force.
inline void sync_file(const descriptor& fd, const fs::path& path) {
  const int result = detail::repeat_call("sync", [&] { return ::fsync(fd.get()); });
  if (result < 0 && errno != EINVAL) throw_io("sync", path, errno);
}

/// Forces the names in a directory (creations, renames) to the disk.
inline void sync_directory(const fs::path& path) {
  sync_file(open_file(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY), path);
}

inline void rename_path(const fs::path& from, const fs::path& to) {
  if (detail::repeat_call("rename", [&] { return ::rename(from.c_str(), to.c_str()); }) < 0) {
    throw_io("rename " + from.string() + " to", to, errno);
  }
}

/// Makes one directory; an existing one is fine.
inline void make_directory(const fs::path& path) {
  const int result = detail::repeat_call("mkdir", [&] { return ::mkdir(path.c_str(), 0777); });
  if (result < 0 && (errno != EEXIST || !fs::is_directory(path))) {
    throw_io("make the directory", path, errno);
  }
}

/// Makes a directory and those above it.
inline void make_directories(const fs::path& path) {
  const fs::path parent = path.parent_path();
  std::error_code ignored;
  if (!parent.empty() && parent != path && !fs::is_directory(parent, ignored)) {
    make_directories(parent);
  }
  if (!path.filename().empty()) make_directory(path);
}

/// Removes a file or a whole directory tree; a missing one is fine.
inline void remove_tree(const fs::path& path) {
  std::error_code code;
  fs::remove_all(path, code);
  if (code) throw_io("remove", path, code.value());
}

/// A name beside `path` for what is not finished: `.tmp-<name>-<pid>`. Whoever holds the run's lock
/// may remove such leftovers.
inline fs::path temporary_sibling(const fs::path& path) {
  return path.parent_path() /
         (".tmp-" + path.filename().string() + "-" + std::to_string(::getpid()));
}

/// Replaces `path` in one step: readers see the old file or the whole new one, also after a power
/// cut. `write(fd, path)` fills it. What is not a regular file (a device, a pipe) is written to
/// directly.
template <class Write>
void replace_file_with(const fs::path& path, const Write& write) {
  std::error_code ignored;
  if (const auto kind = fs::status(path, ignored).type();
      kind != fs::file_type::not_found && kind != fs::file_type::regular) {
    write(open_file(path, O_WRONLY), path);
    return;
  }
  const fs::path temporary = temporary_sibling(path);
  try {
    {
      const descriptor fd = open_file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
      write(fd, path);
      sync_file(fd, path);
    }
    rename_path(temporary, path);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_directory(path.parent_path());
}

inline void replace_file(const fs::path& path, std::string_view text) {
  replace_file_with(path,
                    [&](const descriptor& fd, const fs::path& name) { write_all(fd, text, name); });
}

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
inline input_file open_input(const fs::path& path) {
  input_file file{path, open_file(path, O_RDONLY | O_NONBLOCK), 0};  // a pipe must not block
  struct stat status {};
  if (::fstat(file.fd.get(), &status) < 0) throw_io("read", path, errno);
  if (!S_ISREG(status.st_mode)) {
    throw error::io("cannot read " + path.string() +
                    ": it is not a regular file; give the path of a file");
  }
  file.size = static_cast<std::uint64_t>(status.st_size);
  return file;
}

/// Reads the next `size` bytes; a file that ends earlier is refused with error::io.
inline file_bytes read_bytes(const input_file& file, std::size_t size) {
  file_bytes contents{std::make_unique_for_overwrite<std::byte[]>(size), size};
  for (std::size_t done = 0; done < size;) {
    const ssize_t count = detail::repeat_call(
        "read", [&] { return ::read(file.fd.get(), contents.data.get() + done, size - done); });
    if (count < 0) throw_io("read", file.path, errno);
    if (count == 0) {
      throw error::io("cannot read " + file.path.string() +
                      ": it became shorter meanwhile; try again when nobody is writing to it");
    }
    done += static_cast<std::size_t>(count);
  }
  return contents;
}

inline file_bytes read_file(const fs::path& path) {
  const input_file file = open_input(path);
  return read_bytes(file, static_cast<std::size_t>(file.size));
}

/// Lets a write beyond the file size limit fail (error::io) where it would kill the process. An
/// application calls it once, before it writes.
inline void ignore_file_size_signal() { std::signal(SIGXFSZ, SIG_IGN); }

}  // namespace triptych::io
