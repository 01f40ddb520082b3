// In the place of libFuzzer where it is not linked: gives a target every file that is named, and
// every file below every directory that is.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

/// What a target's own mutator calls; nothing changes here.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t*, std::size_t size, std::size_t) {
  return size;
}

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::size_t files = 0;
  const auto give = [&](const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
    ++files;
  };
  for (const std::string& name : std::vector<std::string>(argv + 1, argv + argc)) {
    if (name.starts_with("-")) continue;  // an option of libFuzzer
    if (!fs::is_directory(name)) {
      give(name);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(name)) {
      if (entry.is_regular_file()) give(entry.path());
    }
  }
  std::printf("%zu inputs\n", files);
  return files == 0 ? 1 : 0;
}
