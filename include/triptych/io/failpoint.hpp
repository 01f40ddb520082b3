// triptych/io/failpoint.hpp
//
// Named places where a test can make the program die or the file system fail, so that every step of
// every write protocol is exercised. Without the environment variable a passage costs one getenv,
// and passages lie only on paths that enter the kernel anyway.
//
// TRIPTYCH_FAILPOINT=NAME[#K][:ACTION] acts on the K-th passage (default: the first) of NAME:
//   NAME    open, read, write, sync, link, rename, mkdir, symlink, truncate, list, remove, chmod, lock,
//           or a step of the save protocol, such as checkpoint.renamed (see checkpoint.hpp);
//           * is any of them
//   ACTION  kill (default): leave at once with exit code 137, as after kill -9;
//           ENOSPC EIO EINTR EROFS EFBIG EACCES ENOMEM: the call fails so, once;
//           short: a write accepts a single byte
#pragma once

#include <string_view>

#include <triptych/core/error.hpp>

namespace triptych::io {

/// What `failpoint` returns in place of an errno when a write is to be cut short.
inline constexpr int short_write = -1;

/// Marks a passage; returns 0, the errno to simulate, or `short_write`.
int failpoint(std::string_view name);

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/failpoint_inl.hpp>
#endif
