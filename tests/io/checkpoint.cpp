#include <triptych/io/checkpoint.hpp>

#include <cstdlib>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <support/catch.hpp>
#include <support/child_process.hpp>
#include <support/temporary_directory.hpp>
#include <support/text_of.hpp>
#include <support/thrown.hpp>
#include <triptych/core/philox.hpp>
#include <triptych/io/owned_names.hpp>

namespace io = triptych::io;
namespace fs = std::filesystem;
using triptych::error_kind;
using triptych::test::text_of;

namespace {

/// Saves a checkpoint whose two files tell its step.
fs::path save(const fs::path& directory, std::int64_t step, const io::retention& policy = {},
              std::size_t count = 3) {
  const std::vector<float> model(count, static_cast<float>(step));
  const std::vector<std::int64_t> state{step, 42};
  return io::save_checkpoint(
      directory, {step, step / 10, "lr = 0.06\n", {{"seed", "1"}}},
      {{"model", {io::tensor_of("weight", {static_cast<std::int64_t>(count)}, std::span(model))}},
       {"optim", {io::tensor_of("state", {2}, std::span(state))}, {{"format", "pt"}}}},
      policy);
}

/// Loads a checkpoint and checks that it is whole; returns its step.
std::int64_t sound_step(const fs::path& path) {
  const auto loaded = io::load_checkpoint(path);
  const auto step = loaded.note.step;
  REQUIRE(loaded.note.config == "lr = 0.06\n");
  REQUIRE(loaded.file("model").values<float>("weight").at(2) == static_cast<float>(step));
  REQUIRE(loaded.file("optim").values<std::int64_t>("state").at(0) == step);
  return step;
}

std::vector<std::int64_t> steps(const fs::path& directory) {
  std::vector<std::int64_t> all;
  for (const auto& [step, path] : io::list_checkpoints(directory)) all.push_back(step);
  return all;
}

thrown_error refusal_to_load(const fs::path& path) {
  return thrown_by([&] { io::load_checkpoint(path); });
}

/// A manifest with a valid seal around any body.
void write_manifest(const fs::path& checkpoint, const std::string& body) {
  io::replace_file(checkpoint / "MANIFEST.json", body + io::detail::manifest_seal(body));
}

std::string manifest_body(const fs::path& checkpoint) {
  const std::string text = text_of(checkpoint / "MANIFEST.json");
  return text.substr(0, text.size() - io::detail::manifest_seal("").size());
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != text.npos);
  return text.replace(at, from.size(), to);
}

std::size_t leftovers(const fs::path& directory) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(directory)) {
    count += entry.path().filename().string().starts_with(".tmp-");
  }
  return count;
}

}  // namespace

TEST_CASE("a saved checkpoint is loaded with all that was put into it") {
  const temporary_directory box;
  const auto directory = box.path() / "run/checkpoints";
  CHECK(thrown_by([&] { save(directory, 120); }).kind == error_kind::io);
  CHECK_FALSE(fs::exists(directory.parent_path()));  // a run that was moved away stays away
  fs::create_directory(directory.parent_path());
  const auto path = save(directory, 120);
  CHECK(path == directory / "step-000120");
  const auto loaded = io::load_checkpoint(directory / "latest");
  CHECK(loaded.format == 1);
  CHECK(loaded.library_version == io::library_version());
  CHECK(loaded.note.step == 120);
  CHECK(loaded.note.epoch == 12);
  CHECK(loaded.note.extra.at("seed") == "1");
  CHECK(loaded.file("optim").metadata().at("format") == "pt");
  CHECK(sound_step(path) == 120);
  CHECK(thrown_by([&] { static_cast<void>(loaded.file("queue")); }).says("no queue.safetensors"));
}

TEST_CASE("checkpoint names and steps are one to one") {
  CHECK(io::checkpoint_name(123) == "step-000123");
  CHECK(io::checkpoint_name(1'234'567) == "step-1234567");
  CHECK(io::step_of_name("step-1234567") == 1'234'567);
  for (const char* name : {"step-", "step-123", "step-0001234", "step-000123x", "latest",
                           "step--00001", ".tmp-step-000123-7", "step-99999999999999999999"}) {
    CHECK_FALSE(io::step_of_name(name));
  }
}

TEST_CASE("the newest checkpoints and the best are kept") {
  const temporary_directory box;
  for (const std::int64_t step : {10, 20, 30, 40}) save(box.path(), step, {.keep = 2, .best = 10});
  CHECK(steps(box.path()) == std::vector<std::int64_t>{10, 30, 40});
  save(box.path(), 50, {.keep = 1});
  CHECK(steps(box.path()) == std::vector<std::int64_t>{50});
  CHECK(*io::newest_checkpoint(box.path()) == box.path() / "step-000050");
  CHECK(leftovers(box.path()) == 0);
}

TEST_CASE("a run that goes on from an older checkpoint leaves the abandoned future") {
  const temporary_directory box;
  for (const std::int64_t step : {10, 20, 30}) save(box.path(), step, {.keep = 3});
  io::mark_latest(box.path(), box.path() / "step-000010");
  CHECK(sound_step(*io::newest_checkpoint(box.path())) == 10);
  save(box.path(), 15, {.keep = 3});
  CHECK(steps(box.path()) == std::vector<std::int64_t>{10, 15});
  CHECK(sound_step(box.path() / "latest") == 15);
}

TEST_CASE("a checkpoint of another run does not become the latest") {
  const temporary_directory box;
  save(box.path() / "a", 10);
  save(box.path() / "b", 10);
  save(box.path() / "b", 20);
  io::mark_latest(box.path() / "b", box.path() / "a/step-000010");
  CHECK(sound_step(*io::newest_checkpoint(box.path() / "b")) == 20);
}

TEST_CASE("checkpoints that are not listed are neither pruned nor replaced") {
  const temporary_directory box;
  save(box.path() / "b", 10);
  for (const std::int64_t step : {10, 20}) save(box.path() / "a", step);
  fs::copy(box.path() / "b/step-000010", box.path() / "a/step-000005");
  fs::copy(box.path() / "b/step-000010", box.path() / "a/step-000040");
  box.write("a/step-000010/notes", std::string("mine"));
  save(box.path() / "a", 30, {.keep = 1});
  CHECK(steps(box.path() / "a") == std::vector<std::int64_t>{5, 30, 40});
  CHECK(text_of(box.path() / "a/step-000010/notes") == "mine");
  const auto thrown = thrown_by([&] { save(box.path() / "a", 40); });
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("step-000040/"));
  CHECK(thrown.says("not written by triptych"));
  CHECK(sound_step(*io::newest_checkpoint(box.path() / "a")) == 30);
  CHECK(leftovers(box.path() / "a") == 0);
}

TEST_CASE("what lies in a checkpoint that is replaced moves to the new one") {
  const temporary_directory box;
  save(box.path(), 10);
  box.write("step-000010/notes", std::string("mine"));
  save(box.path(), 10, {}, 7);
  CHECK(text_of(box.path() / "step-000010/notes") == "mine");
  CHECK(sound_step(box.path() / "step-000010") == 10);
  CHECK(leftovers(box.path()) == 0);
}

TEST_CASE("a checkpoint is committed once it was the latest") {
  const temporary_directory box;
  CHECK_FALSE(io::is_committed(box.path() / "absent", 10));
  save(box.path(), 10);
  for (const char* point : {"checkpoint.renamed", "checkpoint.latest"}) {
    CHECK(exit_code_of_child([&] {
            ::setenv("TRIPTYCH_FAILPOINT", point, 1);
            save(box.path(), 20);
          }) == 137);
    CHECK(io::list_checkpoints(box.path()).contains(20));
    CHECK(io::is_committed(box.path(), 20) == (std::string(point) == "checkpoint.latest"));
    CHECK(io::is_committed(box.path(), 10));
  }
  CHECK_FALSE(io::is_committed(box.path(), 15));
}

TEST_CASE("a listing that fails is no empty one") {
  const temporary_directory box;
  save(box.path(), 10);
  ::setenv("TRIPTYCH_FAILPOINT", "list#2:EIO", 1);
  CHECK(thrown_by([&] { static_cast<void>(io::newest_checkpoint(box.path())); }).kind ==
        error_kind::io);
  ::setenv("TRIPTYCH_FAILPOINT", "list#2:EINTR", 1);
  CHECK(io::newest_checkpoint(box.path()));
  ::unsetenv("TRIPTYCH_FAILPOINT");
}

TEST_CASE("a checkpoint of the same step is replaced") {
  const temporary_directory box;
  save(box.path(), 10);
  save(box.path(), 10, {}, 7);
  CHECK(io::load_checkpoint(box.path() / "latest").file("model").values<float>("weight").size() ==
        7);
  CHECK(leftovers(box.path()) == 0);
}

TEST_CASE("without a link the checkpoint of the highest step is the newest") {
  const temporary_directory box;
  CHECK_FALSE(io::newest_checkpoint(box.path()));
  CHECK_FALSE(io::newest_checkpoint(box.path() / "absent"));
  save(box.path(), 10);
  save(box.path(), 20);
  fs::create_directory(box.path() / "step-000030");  // no manifest: not a checkpoint
  fs::remove(box.path() / "latest");
  CHECK(*io::newest_checkpoint(box.path()) == box.path() / "step-000020");
  fs::create_directory_symlink("step-000040", box.path() / "latest");  // leads nowhere
  CHECK(*io::newest_checkpoint(box.path()) == box.path() / "step-000020");
}

TEST_CASE("a kill at any step of the protocol loses no checkpoint that was there") {
  int killed = 0;
  const auto strike = [&](const std::string& failpoint, std::int64_t step, std::int64_t before) {
    const temporary_directory box(memory_parent());
    save(box.path(), 10);
    save(box.path(), 20);
    const int code = exit_code_of_child([&] {
      ::setenv("TRIPTYCH_FAILPOINT", failpoint.c_str(), 1);
      save(box.path(), step);
    });
    CAPTURE(failpoint, step, code);
    const auto found = sound_step(*io::newest_checkpoint(box.path()));
    REQUIRE((found == before || found == step));
    if (code == 0) REQUIRE(found == step);
    for (const auto& [any, path] : io::list_checkpoints(box.path())) sound_step(path);
    save(box.path(), step);  // what lies around does not hinder the next save
    REQUIRE(sound_step(*io::newest_checkpoint(box.path())) == step);
    killed += code == 137;
    return code;
  };
  for (const char* name : {"begun", "files", "manifest", "renamed", "latest", "pruned"}) {
    CHECK(strike(std::string("checkpoint.") + name, 30, 20) == 137);
  }
  for (const std::int64_t step : {30, 20}) {  // a new step; the newest one again
    for (int k = 1; strike("*#" + std::to_string(k), step, 20) != 0; ++k) {
    }
  }
  CHECK(killed > 50);
}

TEST_CASE("no failing system call destroys the checkpoint before, and none is left half-written") {
  for (const std::string action : {"ENOSPC", "EIO", "EINTR", "short"}) {
    const temporary_directory box(memory_parent());
    save(box.path(), 10);
    int failed = 0;
    for (int k = 1; k < 80; ++k) {
      const auto before = sound_step(*io::newest_checkpoint(box.path()));
      const int code = exit_code_of_child([&] {
        ::setenv("TRIPTYCH_FAILPOINT", ("*#" + std::to_string(k) + ":" + action).c_str(), 1);
        save(box.path(), before + 10);
      });
      CAPTURE(action, k, code);
      REQUIRE((code == 0 || code == 74));
      const auto after = sound_step(*io::newest_checkpoint(box.path()));
      REQUIRE((after == before + 10 || (code == 74 && after == before)));
      for (const auto& [any, path] : io::list_checkpoints(box.path())) sound_step(path);
      failed += code == 74;
    }
    CAPTURE(action, failed);
    CHECK((action == "ENOSPC" || action == "EIO" ? failed > 20 : failed == 0));
  }
}

TEST_CASE("a disk that fills up leaves the checkpoint before, and no rubbish") {
  const temporary_directory box;
  save(box.path(), 10);
  CHECK(exit_code_of_child([&] {
          io::ignore_file_size_signal();
          const rlimit limit{4096, 4096};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          save(box.path(), 20, {}, 10'000);
        }) == 74);
  CHECK(leftovers(box.path()) == 0);
  CHECK(sound_step(*io::newest_checkpoint(box.path())) == 10);
}

TEST_CASE("every prefix of every file of a checkpoint is refused") {
  const temporary_directory box(memory_parent());
  const auto path = save(box.path(), 10);
  for (const char* name : {"MANIFEST.json", "model.safetensors", "optim.safetensors"}) {
    const std::string whole = text_of(path / name);
    for (std::size_t size = 0; size <= whole.size() + 1; ++size) {
      if (size == whole.size()) continue;
      box.write("step-000010/" + std::string(name), (whole + "\n").substr(0, size));
      CAPTURE(name, size);
      REQUIRE(refusal_to_load(path).kind == error_kind::checkpoint);
    }
    fs::remove(path / name);
    REQUIRE(refusal_to_load(path).says(std::string(name) + " is missing"));
    box.write("step-000010/" + std::string(name), whole);
  }
  CHECK(sound_step(path) == 10);
}

TEST_CASE("two thousand bit flips are all detected") {
  const temporary_directory box(memory_parent());
  const auto path = save(box.path(), 10);
  const std::string names[] = {"MANIFEST.json", "model.safetensors", "optim.safetensors"};
  std::vector<std::string> whole;
  for (const auto& name : names) whole.push_back(text_of(path / name));
  triptych::random_stream random(3, triptych::stream::shuffle);
  for (int i = 0; i < 2'000; ++i) {
    const std::uint32_t file = random.below(3);
    std::string bytes = whole[file];
    const std::uint32_t at = random.below(static_cast<std::uint32_t>(bytes.size()));
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random.below(8)));
    box.write("step-000010/" + names[file], bytes);
    const auto thrown = refusal_to_load(path);
    CAPTURE(names[file], at);
    REQUIRE(thrown.kind == error_kind::checkpoint);
    REQUIRE(thrown.says("damaged"));
    box.write("step-000010/" + names[file], whole[file]);
  }
  CHECK(sound_step(path) == 10);
}

TEST_CASE("a damaged checkpoint's refusal names the newest sound one") {
  const temporary_directory box;
  for (const std::int64_t step : {10, 20, 30}) save(box.path(), step, {.keep = 3});
  const auto spoil = [&](const char* name) {
    box.write(std::string(name) + "/model.safetensors", std::string("rubbish"));
  };
  spoil("step-000030");
  CHECK(refusal_to_load(box.path() / "latest").says("model.safetensors is 7 bytes long"));
  CHECK(refusal_to_load(box.path() / "latest")
            .says("the sound one beside it, " + (box.path() / "step-000020").string()));
  spoil("step-000020");
  CHECK(refusal_to_load(box.path() / "latest")
            .says("the sound one beside it, " + (box.path() / "step-000010").string()));
  spoil("step-000010");
  CHECK(refusal_to_load(box.path() / "latest").says("no sound one lies beside it"));
}

TEST_CASE("a path without a checkpoint is refused") {
  const temporary_directory box;
  CHECK(refusal_to_load(box.path() / "absent").says("there is no checkpoint at"));
  CHECK(refusal_to_load(box.write("file", std::string("x"))).kind == error_kind::checkpoint);
  CHECK(refusal_to_load(box.path()).says("MANIFEST.json is missing"));
}

TEST_CASE("a checkpoint of a newer version says so") {
  const temporary_directory box;
  const auto path = save(box.path(), 10);
  std::string body = replaced(manifest_body(path), "\"format\": 1", "\"format\": 2");
  body = replaced(body, io::library_version(), "9.0.0");
  write_manifest(path, replaced(body, "\"epoch\": 1", "\"epoch\": [\"is now a list\"]"));
  const auto thrown = refusal_to_load(path);
  CHECK(thrown.kind == error_kind::checkpoint);
  CHECK(thrown.says("made by a newer version, triptych \"9.0.0\""));
  CHECK(thrown.says("update triptych"));
}

TEST_CASE("a checkpoint of format 1 loads for ever") {
  const temporary_directory box;
  using namespace std::string_literals;
  box.write(
      "step-000003/model.safetensors",
      "\x40\0\0\0\0\0\0\0{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}        "
      "  \0\0\x80\x3f"s);
  box.write("step-000003/MANIFEST.json", R"({
  "format": 1,
  "library_version": "0.1.0",
  "step": 3,
  "epoch": 0,
  "config": "seed = 1\n",
  "extra": {},
  "files": {
    "model.safetensors": {"bytes": 76, "xxh64": "f84a7383ccfbeef6"}},
  "seal": "d19d3cf3b86d3384"
}
)"s);
  const auto loaded = io::load_checkpoint(box.path() / "step-000003");
  CHECK(loaded.note.config == "seed = 1\n");
  CHECK(loaded.file("model").values<float>("w") == std::vector<float>{1});
}

TEST_CASE("sealed but hostile manifests are refused, and lead nowhere else") {
  const temporary_directory box(memory_parent());
  const auto path = save(box.path() / "c", 10);
  const std::string body = manifest_body(path);
  const std::pair<const char*, const char*> changes[] = {
      {"\"step\": 10", "\"step\": -10"},
      {"\"step\": 10", "\"step\": 1e1"},
      {"\"step\": 10", "\"stop\": 10"},
      {"\"step\": 10", "\"step\": 10, \"step\": 10"},
      {"\"format\": 1", "\"format\": \"1\""},
      {"\"config\": \"", "\"config\": 1, \"x\": \""},
      {"\"seed\": \"1\"", "\"seed\": 1"},
      {"\"model.safetensors\"", "\"../c/step-000010/model.safetensors\""},
      {"\"model.safetensors\"", "\"/etc/model.safetensors\""},
      {"\"model.safetensors\"", "\".safetensors\""},
      {"\"model.safetensors\"", "\"model.bin\""},
      {"\"model.safetensors\"", "\"other.safetensors\""},
      {"\"model.safetensors\"", "\"model\\u0000.safetensors\""},
      {"\"bytes\": ", "\"bytes\": 9"},
      {"\"bytes\": ", "\"bytes\": -"},
      {"\"xxh64\": \"", "\"xxh64\": \"0"},
      {"{\n  \"format\"", "[\n  \"format\""},
  };
  for (const auto& [from, to] : changes) {
    write_manifest(path, replaced(body, from, to));
    CAPTURE(to);
    const auto thrown = refusal_to_load(path);
    CHECK(thrown.kind == error_kind::checkpoint);
  }
  triptych::random_stream random(5, triptych::stream::shuffle);
  for (int i = 0; i < 10'000; ++i) {
    std::string mutant = body;
    for (std::uint32_t c = 0; c <= random.below(3); ++c) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(mutant.size()));
      if (random.below(2) == 0)
        mutant[at] = static_cast<char>(random.next());
      else
        mutant.replace(at, 1,
                       mutant.substr(random.below(static_cast<std::uint32_t>(mutant.size())), 8));
    }
    box.write("c/step-000010/MANIFEST.json", mutant + io::detail::manifest_seal(mutant));
    const auto thrown = refusal_to_load(path);
    REQUIRE((!thrown.any || thrown.kind == error_kind::checkpoint));
  }
}

TEST_CASE("lists are made of manifests alone, each read once, also where some are torn") {
  const auto reads = [](std::size_t damaged) {
    const temporary_directory box;
    for (const std::int64_t step : {3, 4}) save(box.path(), step);
    for (std::size_t i = 0; i < damaged; ++i) {
      box.write("step-00000" + std::to_string(i + 1) + "/MANIFEST.json", std::string("torn"));
    }
    fs::remove(box.path() / io::marker_name);
    constexpr int beyond = 1000;
    ::setenv("TRIPTYCH_FAILPOINT",
             ("read#" + std::to_string(beyond + static_cast<int>(damaged)) + ":EIO").c_str(), 1);
    io::adopt_checkpoints(box.path(), [](const io::checkpoint_note&) { return true; });
    int left = 1;
    while (io::failpoint("read") == 0) ++left;
    ::unsetenv("TRIPTYCH_FAILPOINT");
    return beyond + static_cast<int>(damaged) - left;
  };
  CHECK(reads(0) == 2);
  CHECK(reads(3) == 4);
}
