// triptych/io/file.hpp
//
// The few things asked of the file system, each with its failure turned into one sentence that
// names the file and says what to do. Interrupted calls are repeated and short writes completed;
// whoever needs a file to survive a power cut syncs it and then its directory. What is replaced or
// removed is named within a directory that is held open, so that no link and no exchanged path can
// lead elsewhere meanwhile.
#pragma once

#include <cerrno>
#include <csignal>
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

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/io/failpoint.hpp>

namespace triptych::io {

namespace fs = std::filesystem;

/// Throws error::io: "cannot <action> <path>: <why>; <what to do>". With which command to try again
/// is not known here.
[[noreturn]] inline void throw_io(std::string_view action, const fs::path& path, int code) {
  std::string advice = "check the disk and the path, then try again";
  switch (code) {
  case ENOSPC:
  case EDQUOT:
    advice = "free some disk space, then try again";
    break;
  case EFBIG:
    advice = "raise the file size limit (ulimit -f), then try again";
    break;
  case EROFS:
  case EACCES:
  case EPERM:
    advice = "choose a place that you may write to and read from";
    break;
  case EMFILE:
  case ENFILE:
    advice = "raise the limit of open files (ulimit -n), then try again";
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

/// What lies at a path, links followed; not_found where nothing does. Throws error::io where that cannot be
/// known: what cannot be looked at is not missing.
inline fs::file_type type_of(const fs::path& path) {
  std::error_code code;
  fs::file_status found;
  do {
    found = fs::status(path, code);
  } while (code == std::errc::interrupted);
  if (found.type() == fs::file_type::none) throw_io("look at", path, code.value());
  return found.type();
}
inline bool is_there(const fs::path& path) { return type_of(path) != fs::file_type::not_found; }
inline bool is_a_directory(const fs::path& path) {
  return type_of(path) == fs::file_type::directory;
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
  [[nodiscard]] descriptor try_open(const std::string& name, int flags, mode_t mode = 0666) const {
    return descriptor(detail::repeat_call("open", [&] {
      return ::openat(fd_.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode);
    }));
  }
  [[nodiscard]] descriptor open(const std::string& name, int flags, mode_t mode = 0666) const {
    descriptor fd = try_open(name, flags, mode);
    if (fd.get() < 0) throw_io("open", path_ / name, errno);
    return fd;
  }

  /// What an entry is; nothing if it is not there.
  [[nodiscard]] std::optional<struct stat> status(const std::string& name) const {
    struct stat found {};
    int result = -1;
    do {
      result = ::fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW);
    } while (result < 0 && errno == EINTR);
    if (result == 0) return found;
    if (errno != ENOENT) throw_io("look at", path_ / name, errno);
    return {};
  }

  /// The names of all entries.
  [[nodiscard]] std::vector<std::string> names() const {
    const int fd = detail::repeat_call(
        "open", [&] { return ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (fd < 0) throw_io("list", path_, errno);
    DIR* opened = nullptr;
    do {
      opened = ::fdopendir(fd);
    } while (opened == nullptr && errno == EINTR);
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(opened, ::closedir);
    if (!stream) {
      const descriptor closed(fd);
      throw_io("list", path_, errno);
    }
    std::vector<std::string> found;
    for (;;) {
      const dirent* entry = nullptr;
      const int result = detail::repeat_call("list", [&] {
        errno = 0;
        entry = ::readdir(stream.get());
        return entry == nullptr && errno != 0 ? -1 : 0;
      });
      if (result < 0) throw_io("list", path_, errno);
      if (entry == nullptr) return found;
      const std::string name(entry->d_name);
      if (name != "." && name != "..") found.push_back(name);
    }
  }

  /// False if the name is taken.
  [[nodiscard]] bool make(const std::string& name) const {
    const int result =
        detail::repeat_call("mkdir", [&] { return ::mkdirat(fd_.get(), name.c_str(), 0777); });
    if (result < 0 && errno != EEXIST) throw_io("make the directory", path_ / name, errno);
    return result == 0;
  }

  void rename(const std::string& from, const std::string& to) const {
    const int result = detail::repeat_call(
        "rename", [&] { return ::renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()); });
    if (result < 0) throw_io("rename " + (path_ / from).string() + " to", path_ / to, errno);
  }

  /// Removes a file or a link; a missing one is fine.
  void remove(const std::string& name) const {
    if (!unlink(name, 0) && errno != ENOENT) throw_io("remove", path_ / name, errno);
  }

  /// Removes a directory if it is empty; false if it is not, and for a link to one.
  bool remove_directory(const std::string& name) const {
    if (unlink(name, AT_REMOVEDIR) || errno == ENOENT) return true;
    if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
      throw_io("remove", path_ / name, errno);
    return false;
  }

  /// Forces the names (creations, renames) to the disk.
  void sync() const { sync_file(fd_, path_); }

 private:
  [[nodiscard]] bool unlink(const std::string& name, int flags) const {
    return detail::repeat_call("remove",
                               [&] { return ::unlinkat(fd_.get(), name.c_str(), flags); }) == 0;
  }

  fs::path path_;
  descriptor fd_;
};

/// The names of all entries of a directory; none if there is no such directory.
inline std::vector<std::string> names_in(const fs::path& path) {
  if (!is_there(path)) return {};
  return held_directory(path).names();
}

/// Makes one directory; an existing one is fine.
inline void make_directory(const fs::path& path) {
  const int result = detail::repeat_call("mkdir", [&] { return ::mkdir(path.c_str(), 0777); });
  const int why = errno;
  if (result < 0 && (why != EEXIST || !is_a_directory(path))) {
    throw_io("make the directory", path, why);
  }
}

/// Makes a directory and those above it.
inline void make_directories(const fs::path& path) {
  const fs::path parent = path.parent_path();
  if (!parent.empty() && parent != path && !is_a_directory(parent)) make_directories(parent);
  if (!path.filename().empty()) make_directory(path);
}

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
inline std::optional<std::string> name_of_temporary(std::string_view temporary) {
  constexpr std::string_view opening = ".tmp-";
  const auto dash = temporary.rfind('-');
  if (!temporary.starts_with(opening) || dash <= opening.size()) return {};
  const auto number = temporary.substr(dash + 1);
  if (number.empty() || number.find_first_not_of("0123456789.") != number.npos) return {};
  return std::string(temporary.substr(opening.size(), dash - opening.size()));
}

/// Replaces a file in one step: readers see the old file or the whole new one, also after a power
/// cut. `write(fd, path)` fills it. A file that was there passes on who may read it.
template <class Write>
void replace_in(const held_directory& in, const std::string& name, const Write& write) {
  const fs::path path = in.path() / name;
  std::error_code ignored;
  const auto old = fs::status(path, ignored);
  const bool exists = old.type() == fs::file_type::regular;
  const auto mode = static_cast<mode_t>(old.permissions() & fs::perms::all);
  descriptor fd;
  const std::string temporary = make_temporary(name, [&](const std::string& tried) {
    fd = in.try_open(tried, O_WRONLY | O_CREAT | O_EXCL, exists ? 0600 : 0666);
    if (fd.get() < 0 && errno != EEXIST) throw_io("open", in.path() / tried, errno);
    return fd.get() >= 0;
  });
  try {
    if (exists && detail::repeat_call("chmod", [&] { return ::fchmod(fd.get(), mode); }) < 0 &&
        errno != EPERM && errno != ENOTSUP) {
      throw_io("set the permissions of", path, errno);
    }
    write(fd, path);
    sync_file(fd, path);
    in.rename(temporary, name);
  } catch (...) {
    ::unlinkat(in.get(), temporary.c_str(), 0);
    throw;
  }
  in.sync();
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
