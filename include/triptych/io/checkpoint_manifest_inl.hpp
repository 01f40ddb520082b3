// triptych/io/checkpoint_manifest_inl.hpp
//
// The bodies of checkpoint_manifest.hpp.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include <triptych/config.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/version.hpp>

namespace triptych::io {

TRIPTYCH_INLINE std::string library_version() {
  return std::to_string(TRIPTYCH_VERSION_MAJOR) + "." + std::to_string(TRIPTYCH_VERSION_MINOR) +
         "." + std::to_string(TRIPTYCH_VERSION_PATCH);
}

namespace detail {

TRIPTYCH_INLINE std::string manifest_seal(std::string_view body) {
  return ",\n  \"seal\": \"" + hex_text(digest_of(body).xxh64) + "\"\n}\n";
}

TRIPTYCH_INLINE std::string manifest_text(const checkpoint_note& note,
                                          const std::map<std::string, digest>& files) {
  std::string text = "{\n  \"format\": " + std::to_string(checkpoint_format) +
                     ",\n  \"library_version\": " + json_string(library_version()) +
                     ",\n  \"step\": " + std::to_string(note.step) +
                     ",\n  \"epoch\": " + std::to_string(note.epoch) +
                     ",\n  \"config\": " + json_string(note.config) + ",\n  \"extra\": {";
  for (const auto& [key, value] : note.extra) {
    text +=
        (text.back() == '{' ? "\n    " : ",\n    ") + json_string(key) + ": " + json_string(value);
  }
  text += "},\n  \"files\": {";
  for (const auto& [name, written] : files) {
    text += (text.back() == '{' ? "\n    " : ",\n    ") + json_string(name) +
            ": {\"bytes\": " + std::to_string(written.bytes) + ", \"xxh64\": \"" +
            hex_text(written.xxh64) + "\"}";
  }
  text += "}";
  return text + manifest_seal(text);
}

}  // namespace detail

}  // namespace triptych::io
