// triptych/io/checkpoint_saving_inl.hpp
//
// The bodies of checkpoint_saving.hpp.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/checkpoint_list.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/checkpoint_saving.hpp>
#include <triptych/io/failpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/safetensors_writing.hpp>

namespace triptych::io {

namespace detail {

/// A step of the save protocol at which a test can strike.
inline void protocol_step(std::string_view name, const fs::path& path) {
  const int simulated = failpoint(name);
  if (simulated > 0 && simulated != EINTR) throw_io("save", path, simulated);
}

/// Puts the finished directory `from` at `to`. If `to` exists the two change places, so that there
/// is no moment without either; what is not ours in it moves along.
inline void place_directory(const owned_names& owned, const std::string& from,
                            const std::string& to) {
  const held_directory& in = owned.in();
  if (!in.status(to)) return in.rename(from, to);
  const int result = repeat_call("rename", [&] {
    return ::renameat2(in.get(), from.c_str(), in.get(), to.c_str(), RENAME_EXCHANGE);
  });
  if (result < 0) {
    if (errno != EINVAL && errno != ENOSYS) throw_io("replace", in.path() / to, errno);
    owned.clear(to, to);  // this file system cannot exchange
    return in.rename(from, to);
  }
  if (owned.clear(from, to)) return;
  const held_directory before(in, from), now(in, to);
  for (const std::string& name : before.names()) {
    repeat_call("rename", [&] {
      return ::renameat2(before.get(), name.c_str(), now.get(), name.c_str(), RENAME_NOREPLACE);
    });
  }
  in.remove_directory(from);
}

inline void prune_checkpoints(owned_names& owned, std::int64_t newest, const retention& policy) {
  auto all = list_checkpoints(owned.in().path());
  std::erase_if(all, [&](const auto& one) { return !owned.has(checkpoint_name(one.first)); });
  std::vector<std::string> doomed;
  std::size_t kept = 0;
  for (auto entry = all.rbegin(); entry != all.rend(); ++entry) {
    const std::int64_t step = entry->first;
    const bool current = step <= newest && kept < std::max<std::size_t>(policy.keep, 1);
    if (current) ++kept;
    if (!current && policy.best != step) doomed.push_back(checkpoint_name(step));
  }
  owned.remove(doomed);
}

inline void swing_latest(owned_names& owned, const std::string& name) {
  owned.claim({"latest"});
  const held_directory& in = owned.in();
  const std::string link = make_temporary("latest", [&](const std::string& tried) {
    const int result =
        repeat_call("symlink", [&] { return ::symlinkat(name.c_str(), in.get(), tried.c_str()); });
    if (result < 0 && errno != EEXIST) throw_io("make the link", in.path() / tried, errno);
    return result == 0;
  });
  // A copy that followed links holds a second copy of a checkpoint here.
  const auto there = in.status("latest");
  if (there && S_ISDIR(there->st_mode) && !owned.clear("latest", name)) {
    in.remove(link);
    throw error::usage((in.path() / "latest").string() +
                       " is a directory with files in it that are not ours, where a link belongs; "
                       "move it away, then continue the run");
  }
  in.rename(link, "latest");
  in.sync();
}

}  // namespace detail

TRIPTYCH_INLINE void mark_latest(const fs::path& directory, const fs::path& path) {
  const fs::path name = path.filename();
  if (!step_of_name(name.string()) || !is_there(directory / name)) return;
  std::error_code code;
  const bool here = fs::equivalent(directory / name, path, code);
  if (code) throw_io("look at", path, code.value());
  if (!here) return;
  owned_names owned(directory);
  detail::swing_latest(owned, name.string());
}

TRIPTYCH_INLINE fs::path save_checkpoint(const fs::path& directory, const checkpoint_note& note,
                                         const std::vector<checkpoint_file>& files,
                                         const retention& policy) {
  const std::string step = checkpoint_name(note.step), manifest(detail::manifest_name);
  fs::path target = directory / step;
  make_directory(directory);  // and none above it, which may have been moved away
  owned_names owned(directory);
  std::vector<std::string> names{"latest", step + "/" + manifest};
  for (const checkpoint_file& file : files)
    names.push_back(step + "/" + file.name + ".safetensors");
  owned.claim(names);
  const std::string temporary =
      make_temporary(step, [&](const std::string& tried) { return owned.in().make(tried); });
  try {
    detail::protocol_step("checkpoint.begun", target);

    const held_directory inside(owned.in(), temporary);
    std::map<std::string, digest> written;
    for (const checkpoint_file& file : files) {
      const std::string name = file.name + ".safetensors";
      const fs::path path = inside.path() / name;
      const descriptor fd = inside.open(name, O_WRONLY | O_CREAT | O_EXCL);
      written[name] = write_safetensors(fd, path, file.tensors, file.metadata);
      sync_file(fd, path);
    }
    detail::protocol_step("checkpoint.files", target);

    replace_in(inside, manifest, [&](const descriptor& fd, const fs::path& path) {
      write_all(fd, detail::manifest_text(note, written), path);
    });
    detail::protocol_step("checkpoint.manifest", target);

    detail::place_directory(owned, temporary, step);
    owned.in().sync();
    detail::protocol_step("checkpoint.renamed", target);
  } catch (...) {
    try {
      owned.clear(temporary, step);
    } catch (const error&) {  // the reason itself matters more
    }
    throw;
  }
  detail::swing_latest(owned, step);
  detail::protocol_step("checkpoint.latest", target);

  detail::prune_checkpoints(owned, note.step, policy);
  detail::protocol_step("checkpoint.pruned", target);
  return target;
}

}  // namespace triptych::io
