// triptych/io/checkpoint_manifest.hpp
//
// What a checkpoint (checkpoint.hpp) says about itself, and the text of the manifest that says it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/safetensors_format.hpp>

namespace triptych::io {

/// The layout of a checkpoint; a reader takes its own and all older ones.
inline constexpr std::int64_t checkpoint_format = 1;

/// What a checkpoint says about itself.
struct checkpoint_note {
  std::int64_t step = 0;
  std::int64_t epoch = 0;
  std::string config;       ///< the run's configuration, as text
  metadata_map extra = {};  ///< anything else the application wants back
};

std::string library_version();

namespace detail {

inline constexpr std::string_view manifest_name = "MANIFEST.json";
inline constexpr std::uint64_t longest_manifest = 16u << 20;

/// What follows `body`: the checksum of everything before it.
std::string manifest_seal(std::string_view body);

std::string manifest_text(const checkpoint_note& note, const std::map<std::string, digest>& files);

}  // namespace detail

}  // namespace triptych::io

#ifndef TRIPTYCH_COMPILED
#include <triptych/io/checkpoint_manifest_inl.hpp>
#endif
