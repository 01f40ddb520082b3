// Folders of small pictures for runs of the app, written without any library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "support/tiny_run.hpp"

namespace triptych::test {

/// A picture of noise.
inline void write_picture(const fs::path& file, int height, int width, std::uint32_t seed) {
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out << "P6\n" << width << " " << height << "\n255\n";
  for (int i = 0; i < height * width * 3; ++i) {
    seed = seed * 1664525u + 1013904223u;
    out << static_cast<char>(seed >> 24);
  }
}

/// `count` pictures, called 1.ppm and so on, in each class below `directory`.
inline void write_pictures(const fs::path& directory, std::uint32_t seed = 1, int count = 8,
                           const std::vector<std::string>& classes = {"cat", "dog"}) {
  for (const auto& name : classes) {
    for (int i = 1; i <= count; ++i) {
      write_picture(directory / name / (std::to_string(i) + ".ppm"), 8, 8, seed++);
    }
  }
}

/// The tiny model for the pictures in `directory`: two steps an epoch of sixteen of them.
inline words folder_model(const fs::path& directory) {
  auto options = tiny_model;
  for (const char* word : {"--procedural-train", "64", "--procedural-test", "32"}) {
    std::erase(options, word);
  }
  return last_wins(options + words{"--data", "folder", "--data-dir", directory.string(), "--batch",
                                   "8", "--epochs", "4"});
}

}  // namespace triptych::test
