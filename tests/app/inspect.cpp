#include <cstdint>
#include <string>
#include <vector>

#include <triptych/io/checkpoint.hpp>

#include "support/catch.hpp"
#include "support/run_app.hpp"

using namespace triptych;

namespace {

test::app_result inspect(const std::string& path, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"inspect", path};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return test::call_app(arguments);
}

const std::vector<float> six_numbers{1, 2, 3, 4, 5, 6};

io::tensor_source weights() {
  return io::tensor_of("conv1.weight", {2, 3}, std::span<const float>(six_numbers));
}

}  // namespace

TEST_CASE("A safetensors file shows its tensors and metadata") {
  const temporary_directory directory;
  const auto file = directory.path() / "model.safetensors";
  io::save_safetensors(file, {weights()}, {{"format", "pt"}});
  const auto shown = inspect(file.string());
  CHECK(shown.code == 0);
  CHECK(shown.out.find("conv1.weight   F32  [2, 3]     24\n") != std::string::npos);
  CHECK(shown.out.find("1 tensors, 6 numbers, 24 B\n") != std::string::npos);
  CHECK(shown.out.find("metadata \"format\": pt\n") != std::string::npos);
  CHECK(inspect(file.string(), {"--json"}).out ==
        "{\"tensors\": {\"conv1.weight\": {\"dtype\": \"F32\", \"shape\": [2, 3], \"bytes\": 24}}, "
        "\"metadata\": {\"format\": \"pt\"}}\n");
}

TEST_CASE("Extents whose product overflows on its way to nothing are counted as nothing") {
  const temporary_directory directory;
  std::string header = R"({"none":{"dtype":"F32","shape":[4611686018427387904,3,0],)"
                       R"("data_offsets":[0,0]},"two":{"dtype":"F4","shape":[2],)"
                       R"("data_offsets":[0,1]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  std::string bytes(8, '\0');
  bytes[0] = static_cast<char>(header.size());
  const auto file = directory.write("model.safetensors", bytes + header + "x");
  const auto shown = inspect(file.string());
  INFO(shown.err);
  CHECK(shown.code == 0);
  CHECK(shown.out.find("2 tensors, 2 numbers, 1 B\n") != std::string::npos);
}

TEST_CASE("A run shows its checkpoints, and a damaged one ends with code 6") {
  const temporary_directory directory;
  const auto checkpoints = directory.path() / "checkpoints";
  std::filesystem::create_directory(checkpoints);
  for (const std::int64_t step : {3, 6}) {
    io::save_checkpoint(checkpoints, {step, 0, "lr = 0.1\n", {}}, {{"model", {weights()}, {}}});
  }
  directory.write("status.json", std::string("{\"state\": \"done\", \"step\": 6}\n"));
  const auto sound = inspect(directory.path().string());
  INFO(sound.err);
  CHECK(sound.code == 0);
  CHECK(sound.out.find(", done at step 6\n") != std::string::npos);
  CHECK(sound.out.find("step-000003  sound\n") != std::string::npos);
  CHECK(sound.out.find("step-000006  sound, the latest\n") != std::string::npos);

  const auto one = inspect((checkpoints / "latest").string());
  CHECK(one.code == 0);
  CHECK(one.out.find("step 6, epoch 0") != std::string::npos);
  CHECK(one.out.find("sizes and checksums match the manifest") != std::string::npos);

  const auto file = checkpoints / "step-000006" / "model.safetensors";
  auto bytes = test::text_of(file);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  directory.write("checkpoints/step-000006/model.safetensors", bytes);
  const auto damaged = inspect(directory.path().string());
  CHECK(damaged.code == 6);
  CHECK(damaged.out.find("step-000006  damaged, the latest\n") != std::string::npos);
  CHECK(damaged.err.find("does not match its checksum") != std::string::npos);
  CHECK(damaged.err.find("; resume a sound one of the list") != std::string::npos);
}

TEST_CASE("What is no file of ours is refused with the fitting code") {
  const temporary_directory directory;
  CHECK(inspect(directory.path().string()).code == 2);
  CHECK(inspect(directory.write("text", std::string("hello, world")).string()).code == 6);
}
