// triptych/io/file_inl.hpp
//
// The bodies of file.hpp.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
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

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/failpoint.hpp>
#include <triptych/io/file.hpp>

namespace triptych::io {

TRIPTYCH_INLINE void throw_io(std::string_view action, const fs::path& path, int code) {
  std::string advice = "check the disk and the path, then try again";
  switch (code) {
  case ENOMEM:
    throw std::bad_alloc();  // the path and the disk are not to blame
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
  case ELOOP:
    advice = "a link is in the place of a file; move it away, then try again";
    break;
  default:
    break;
  }
  throw error::io("cannot " + std::string(action) + " " + path.string() + ": " +
                  std::generic_category().message(code) + "; " + advice);
}

TRIPTYCH_INLINE descriptor open_file(const fs::path& path, int flags) {
  const int fd = detail::repeat_call(
      "open", [&] { return ::open(path.c_str(), flags | O_CLOEXEC, mode_t{0666}); });
  if (fd < 0) throw_io("open", path, errno);
  return descriptor(fd);
}

TRIPTYCH_INLINE fs::file_type type_of(const fs::path& path) {
  std::error_code code;
  fs::file_status found;
  do {
    found = fs::status(path, code);
  } while (code == std::errc::interrupted);
  if (found.type() == fs::file_type::none) throw_io("look at", path, code.value());
  return found.type();
}

TRIPTYCH_INLINE void write_all(const descriptor& fd, std::span<const std::byte> bytes,
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

TRIPTYCH_INLINE void write_all(const descriptor& fd, std::string_view text, const fs::path& path) {
  write_all(fd, std::as_bytes(std::span(text.data(), text.size())), path);
}

TRIPTYCH_INLINE void sync_file(const descriptor& fd, const fs::path& path) {
  const int result = detail::repeat_call("sync", [&] { return ::fsync(fd.get()); });
  if (result < 0 && errno != EINVAL) throw_io("sync", path, errno);
}

TRIPTYCH_INLINE descriptor held_directory::try_open(const std::string& name, int flags,
                                                    mode_t mode) const {
  return descriptor(detail::repeat_call("open", [&] {
    return ::openat(fd_.get(), name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode);
  }));
}

TRIPTYCH_INLINE descriptor held_directory::open(const std::string& name, int flags,
                                                mode_t mode) const {
  descriptor fd = try_open(name, flags, mode);
  if (fd.get() < 0) throw_io("open", path_ / name, errno);
  return fd;
}

TRIPTYCH_INLINE bool held_directory::in_place() const {
  struct stat here {
  }, held{};
  if (::fstat(fd_.get(), &held) < 0) throw_io("look at", path_, errno);
  int result = -1;
  do {
    result = ::stat(path_.empty() ? "." : path_.c_str(), &here);
  } while (result < 0 && errno == EINTR);
  if (result < 0 && errno != ENOENT && errno != ENOTDIR) throw_io("look at", path_, errno);
  return result == 0 && here.st_dev == held.st_dev && here.st_ino == held.st_ino;
}

TRIPTYCH_INLINE std::optional<struct stat> held_directory::status(const std::string& name) const {
  struct stat found {};
  int result = -1;
  do {
    result = ::fstatat(fd_.get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW);
  } while (result < 0 && errno == EINTR);
  if (result == 0) return found;
  if (errno != ENOENT) throw_io("look at", path_ / name, errno);
  return {};
}

TRIPTYCH_INLINE std::vector<std::string> held_directory::names() const {
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

TRIPTYCH_INLINE bool held_directory::make(const std::string& name) const {
  const int result =
      detail::repeat_call("mkdir", [&] { return ::mkdirat(fd_.get(), name.c_str(), 0777); });
  if (result < 0 && errno != EEXIST) throw_io("make the directory", path_ / name, errno);
  return result == 0;
}

TRIPTYCH_INLINE void held_directory::rename(const std::string& from, const std::string& to) const {
  const int result = detail::repeat_call(
      "rename", [&] { return ::renameat(fd_.get(), from.c_str(), fd_.get(), to.c_str()); });
  if (result < 0) throw_io("rename " + (path_ / from).string() + " to", path_ / to, errno);
}

TRIPTYCH_INLINE void held_directory::remove(const std::string& name) const {
  if (!unlink(name, 0) && errno != ENOENT) throw_io("remove", path_ / name, errno);
}

TRIPTYCH_INLINE bool held_directory::remove_directory(const std::string& name) const {
  if (unlink(name, AT_REMOVEDIR) || errno == ENOENT) return true;
  if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR)
    throw_io("remove", path_ / name, errno);
  return false;
}

TRIPTYCH_INLINE bool held_directory::unlink(const std::string& name, int flags) const {
  return detail::repeat_call("remove",
                             [&] { return ::unlinkat(fd_.get(), name.c_str(), flags); }) == 0;
}

TRIPTYCH_INLINE std::vector<std::string> names_in(const fs::path& path) {
  if (!is_there(path)) return {};
  return held_directory(path).names();
}

TRIPTYCH_INLINE void make_directory(const fs::path& path) {
  const int result = detail::repeat_call("mkdir", [&] { return ::mkdir(path.c_str(), 0777); });
  const int why = errno;
  if (result < 0 && (why != EEXIST || !is_a_directory(path))) {
    throw_io("make the directory", path, why);
  }
}

TRIPTYCH_INLINE void make_directories(const fs::path& path) {
  const fs::path parent = path.parent_path();
  if (!parent.empty() && parent != path && !is_a_directory(parent)) make_directories(parent);
  if (!path.filename().empty()) make_directory(path);
}

TRIPTYCH_INLINE std::optional<std::string> name_of_temporary(std::string_view temporary) {
  constexpr std::string_view opening = ".tmp-";
  const auto dash = temporary.rfind('-');
  if (!temporary.starts_with(opening) || dash <= opening.size()) return {};
  const auto number = temporary.substr(dash + 1);
  if (number.empty() || number.find_first_not_of("0123456789.") != number.npos) return {};
  return std::string(temporary.substr(opening.size(), dash - opening.size()));
}

namespace detail {

/// Where the kernel shows an open file of this process, also one without a name.
inline std::string path_of(const descriptor& fd) {
  return "/proc/self/fd/" + std::to_string(fd.get());
}

}  // namespace detail

TRIPTYCH_INLINE replacement::replacement(const held_directory& in, std::string name)
    : in_(in), name_(std::move(name)) {
  const fs::path path = in_.path() / name_;
  std::error_code ignored;
  const auto old = fs::status(path, ignored);
  const bool exists = old.type() == fs::file_type::regular;
  const mode_t mode = exists ? 0600 : 0666;
  fd_ = in_.try_open(".", O_WRONLY | O_TMPFILE, mode);
  if (fd_.get() < 0 || ::access(detail::path_of(fd_).c_str(), F_OK) != 0) {
    temporary_ = make_temporary(name_, [&](const std::string& tried) {
      fd_ = in_.try_open(tried, O_WRONLY | O_CREAT | O_EXCL, mode);
      if (fd_.get() < 0 && errno != EEXIST) throw_io("open", in_.path() / tried, errno);
      return fd_.get() >= 0;
    });
  }
  const auto kept = static_cast<mode_t>(old.permissions() & fs::perms::all);
  if (exists && detail::repeat_call("chmod", [&] { return ::fchmod(fd_.get(), kept); }) < 0 &&
      errno != EPERM && errno != ENOTSUP) {
    const int why = errno;
    drop();
    throw_io("set the permissions of", path, why);
  }
}

TRIPTYCH_INLINE void replacement::drop() {
  if (!temporary_.empty()) ::unlinkat(in_.get(), temporary_.c_str(), 0);
}

TRIPTYCH_INLINE bool replacement::link_as(const std::string& name) const {
  const int result = detail::repeat_call("link", [&] {
    return ::linkat(AT_FDCWD, detail::path_of(fd_).c_str(), in_.get(), name.c_str(),
                    AT_SYMLINK_FOLLOW);
  });
  if (result < 0 && errno != EEXIST) throw_io("write", in_.path() / name_, errno);
  return result == 0;
}

TRIPTYCH_INLINE void replacement::finish() {
  sync_file(fd_, in_.path() / name_);
  if (!temporary_.empty() || !link_as(name_)) {
    // No call puts a file without a name in the place of another.
    if (temporary_.empty()) {
      temporary_ = make_temporary(name_, [&](const std::string& tried) { return link_as(tried); });
    }
    in_.rename(temporary_, name_);
    temporary_.clear();
  }
  in_.sync();
}

TRIPTYCH_INLINE void replace_file(const fs::path& path, std::string_view text) {
  replace_file_with(path,
                    [&](const descriptor& fd, const fs::path& name) { write_all(fd, text, name); });
}

TRIPTYCH_INLINE input_file open_input(const fs::path& path) {
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

namespace detail {

/// Fills `to` by `call(to, done)`, which reads some bytes behind the first `done`.
template <class Call>
void fill_from(const input_file& file, std::span<std::byte> to, const Call& call) {
  for (std::size_t done = 0; done < to.size();) {
    const ssize_t count = repeat_call("read", [&] { return call(to.subspan(done), done); });
    if (count < 0) throw_io("read", file.path, errno);
    if (count == 0) {
      throw error::io("cannot read " + file.path.string() +
                      ": it became shorter meanwhile; try again when nobody is writing to it");
    }
    done += static_cast<std::size_t>(count);
  }
}

}  // namespace detail

TRIPTYCH_INLINE void read_at(const input_file& file, std::uint64_t offset,
                             std::span<std::byte> to) {
  detail::fill_from(file, to, [&](std::span<std::byte> rest, std::size_t done) {
    return ::pread(file.fd.get(), rest.data(), rest.size(), static_cast<off_t>(offset + done));
  });
}

TRIPTYCH_INLINE file_bytes read_bytes(const input_file& file, std::size_t size) {
  file_bytes contents{std::unique_ptr<std::byte[]>(new std::byte[size]), size};
  detail::fill_from(file, {contents.data.get(), size}, [&](std::span<std::byte> rest, std::size_t) {
    return ::read(file.fd.get(), rest.data(), rest.size());
  });
  return contents;
}

TRIPTYCH_INLINE file_bytes read_file(const fs::path& path, std::uint64_t most) {
  const input_file file = open_input(path);
  if (file.size > most) {
    throw error::io("cannot read " + path.string() + ": it is longer than " + std::to_string(most) +
                    " bytes; give a file that triptych wrote");
  }
  return read_bytes(file, static_cast<std::size_t>(file.size));
}

TRIPTYCH_INLINE void ignore_file_size_signal() { std::signal(SIGXFSZ, SIG_IGN); }

}  // namespace triptych::io
