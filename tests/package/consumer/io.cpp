// What a program that uses the io part may do: write a file and read it back.
#include <triptych/io/safetensors.hpp>

#include <filesystem>
#include <vector>

int main() {
  using namespace triptych::io;
  const auto path = std::filesystem::temp_directory_path() / "triptych-consumer.safetensors";
  const std::vector<float> values{1, 2, 3};
  save_safetensors(path, {tensor_of<float>("x", {3}, values)});
  const bool same = safetensors_file::open(path).values<float>("x") == values;
  std::filesystem::remove(path);
  return same ? 0 : 1;
}
