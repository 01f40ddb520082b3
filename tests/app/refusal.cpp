// What stops a run: numbers that are not finite, data that cannot be read, a disk that is full.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <sys/mount.h>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;
namespace io = triptych::io;

namespace {

/// A file system in memory of its own, for as long as the object lives; only root may have one.
class small_disk {
 public:
  small_disk(fs::path path, const char* size) : path_(std::move(path)) {
    fs::create_directory(path_);
    mounted_ = ::mount("tmpfs", path_.c_str(), "tmpfs", 0, size) == 0;
  }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;
  ~small_disk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  [[nodiscard]] explicit operator bool() const { return mounted_; }
  void remount(unsigned long flags, const char* size) const {
    REQUIRE(::mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | flags, size) == 0);
  }

 private:
  fs::path path_;
  bool mounted_ = false;
};

/// `count` records of a CIFAR-10 file, with labels 0, 1, 2, ...
std::string cifar_records(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += static_cast<char>(i % 10);
    for (int pixel = 0; pixel < 3072; ++pixel) bytes += static_cast<char>((i * 37 + pixel) % 251);
  }
  return bytes;
}

/// A whole data set of such files.
void write_cifar(const temporary_directory& box) {
  for (const char* name : {"1", "2", "3", "4", "5"}) {
    box.write(std::string("data_batch_") + name + ".bin", cifar_records(8));
  }
  box.write("test_batch.bin", cifar_records(8));
}

/// A picture of 8 x 8 pixels.
std::string portable_pixmap() { return "P6\n8 8\n255\n" + std::string(8 * 8 * 3, 'x'); }

/// Training on `data` in `directory` ends with code 5, names all of `named`, and leaves nothing.
void expect_bad_data(const std::string& data, const temporary_directory& directory,
                     const words& named) {
  const tiny_run run;
  const auto result =
      run.train(tiny_options + words{"--data", data, "--data-dir", directory.path().string()});
  INFO(result.err);
  CHECK(result.code == 5);
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  for (const auto& name : named) CHECK(result.err.find(name) != std::string::npos);
  CHECK_FALSE(fs::exists(run.root()));
}

}  // namespace

TEST_CASE(
    "A number that is not finite stops a run with its step and tensor, and keeps the checkpoints") {
  struct injection {
    std::string tensor, named;
  };
  const std::vector<injection> injections{
      {"online.encoder.layer3.0.conv2.weight", "online.encoder.layer3.0.conv2.weight"},
      {"online.predictor.1.bias", "online.predictor.1.bias"},
      {"momentum.encoder.layer1.0.bn1.weight", "momentum.encoder.layer1.0.bn1.weight"},
      {"momentum_buffer.online.projector.3.weight", "online.projector.3.weight"},
      {"momentum_buffer.online.encoder.conv1.weight", "online.encoder.conv1.weight"},
      {"queue", "queue"}};
  const tiny_run clean;
  REQUIRE(clean.train(tiny_options + words{"--max-steps", "8"}).code == 0);
  for (const auto& [tensor, named] : injections) {
    for (const float value :
         {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
      INFO(tensor << " " << value);
      const tiny_run run;
      fs::copy(clean.root(), run.root(),
               fs::copy_options::recursive | fs::copy_options::copy_symlinks);
      const auto older = text_of(run.checkpoints() / "step-000004/model.safetensors");
      inject(run, tensor, value);
      const auto result = run.train({"--resume"});
      INFO(result.err);
      CHECK(result.code == 3);
      CHECK(result.err.find(named + " holds NaN or infinity") != std::string::npos);
      CHECK(result.err.find("step ") != std::string::npos);
      CHECK(run.status()["state"] == "failed");
      CHECK(result.err.find(run.status()["reason"].get<std::string>()) != std::string::npos);
      CHECK(run.latest().filename() == "step-000008");
      CHECK(text_of(run.checkpoints() / "step-000004/model.safetensors") == older);
      CHECK(call_app({"train", "--quiet", "--resume", (run.checkpoints() / "step-000004").string()})
                .code == 0);
    }
  }
}

TEST_CASE("A learning rate that overflows stops the run before anything bad is saved") {
  const tiny_run run;
  for (const std::string backend : {"eigen", "reference"}) {
    const auto result =
        run.train(tiny_options + words{"--lr", "1e30", "--backend", backend, "--overwrite"});
    INFO(result.err);
    CHECK(result.code == 3);
    CHECK(result.err.find("step 2 is not finite: online.") != std::string::npos);
    CHECK(run.status()["state"] == "failed");
    CHECK(run.latest().filename() == "step-000000");
  }
}

TEST_CASE("A file that may not grow costs the run, never the checkpoint before") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto expected = outcome(run);
  fs::remove_all(run.root());
  REQUIRE(run.train(tiny_options + words{"--max-steps", "6"}).code == 0);
  const auto before = outcome(run);

  words line{"-c", "ulimit -f 60; exec \"$0\" \"$@\"", TRIPTYCH_APP};  // 60 blocks of 512 bytes
  const auto limited = run_app("/bin/sh", line + run.line({"--resume"}));
  INFO(limited.err);
  CHECK(limited.code == 74);
  CHECK(limited.err.find("export") != std::string::npos);

  for (const char* point : {"checkpoint.files", "write#60", "sync#4", "rename#6"}) {
    const auto failed =
        run.train({"--resume"}, {std::string("TRIPTYCH_FAILPOINT=") + point + ":ENOSPC"});
    INFO(point << ": " << failed.err);
    CHECK(failed.code == 74);
    CHECK(failed.err.find(run.root().string()) != std::string::npos);
    CHECK(run.latest().filename() == before.at("step"));
  }
  CHECK(run.train({"--resume"}).code == 0);
  CHECK(differing(expected, outcome(run)) == words{});
}

TEST_CASE("A full disk and a read-only one end with code 74, and the run goes on with room") {
  const tiny_run run;
  const small_disk disk(run.root(), "size=900k");
  if (!disk) {
    WARN("only root can mount a small disk; not tested");
    return;
  }
  const auto full = run.train(tiny_model + words{"--epochs", "4", "--width", "6"});
  INFO(full.err);
  CHECK(full.code == 74);
  CHECK(full.err.find("No space left on device") != std::string::npos);
  REQUIRE(fs::exists(run.checkpoints() / "latest"));
  CHECK(call_app({"inspect", run.latest().string()}).code == 0);

  disk.remount(MS_RDONLY, "size=900k");
  const auto refused = run.train({"--resume"});
  CHECK(refused.code == 74);
  CHECK(refused.err.find("Read-only file system") != std::string::npos);

  disk.remount(0, "size=8m");
  CHECK(run.train({"--resume"}).code == 0);
  const auto left = outcome(run);
  CHECK(run.train(tiny_model + words{"--epochs", "4", "--width", "6", "--overwrite"}).code == 0);
  CHECK(differing(left, outcome(run)) == words{});
}

TEST_CASE("Files of other people in the run's place are refused by name and left alone") {
  for (const std::string name :
       {"config.toml", "checkpoints/step-000010/model.safetensors", "eval.json", "notes"}) {
    const temporary_directory box;
    box.write("run/" + name, std::string("mine"));
    box.write("run/.tmp-cache", std::string("mine"));
    const auto before = everything_in(box.path());
    for (const words& how : {words{}, words{"--overwrite"}}) {
      const auto result = call_app(
          words{"train", "--quiet", "--out", (box.path() / "run").string()} + tiny_options + how);
      INFO(result.err);
      CHECK(result.code == 2);
      CHECK(result.err.find("choose another --out") != std::string::npos);
      CHECK(everything_in(box.path()) == before);
    }
  }
}

TEST_CASE("A link in the place of a run's file is refused, and what it leads to stays") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const auto log = run.root() / "train.log", mine = run.beside("mine");
  std::ofstream(mine) << "mine";
  fs::rename(log, run.beside("log"));
  fs::create_symlink(mine, log);
  const auto refused = run.train({"--resume"});
  INFO(refused.err);
  CHECK(refused.code == 74);
  CHECK(refused.err.find("a link is in the place of a file; move it away, then try again") !=
        std::string::npos);
  CHECK(text_of(mine) == "mine");
  fs::remove(log);
  CHECK(run.train({"--resume"}).code == 0);
}

TEST_CASE("A run that is private stays so when it goes on, is replaced or judged") {
  const tiny_run run;
  const auto steps = [](const char* n) { return words{"--max-steps", n}; };
  REQUIRE(run.train(tiny_options + steps("1")).code == 0);
  const auto others = fs::perms::group_all | fs::perms::others_all;
  for (const auto& one : fs::recursive_directory_iterator(run.root())) {
    if (!one.is_symlink()) fs::permissions(one, others, fs::perm_options::remove);
  }
  const words knn{"eval", run.root().string(), "--quiet", "--protocol",
                  "knn",  "--baselines",       "none"};
  REQUIRE(run.train({"--resume", "--max-steps", "4"}).code == 0);
  REQUIRE(call_app(knn).code == 0);
  for (const bool replaced : {false, true}) {
    if (replaced) REQUIRE(run.train(tiny_options + steps("4") + words{"--overwrite"}).code == 0);
    int files = 0;
    for (const auto& one : fs::recursive_directory_iterator(run.root())) {
      INFO(one.path());
      if (one.is_symlink() || one.path().filename() == "lock") continue;
      CHECK((fs::status(one).permissions() & others) == fs::perms::none);
      ++files;
    }
    CHECK(files > 10);
  }
}

TEST_CASE("An evaluation replaces what it wrote, never another file of that name") {
  const tiny_run run;
  REQUIRE(run.train(tiny_options + words{"--max-steps", "1"}).code == 0);
  const words knn{"eval", run.root().string(), "--quiet", "--protocol", "knn"};
  std::ofstream(run.root() / "eval.json") << "{\"my\": \"notes\"}";
  const auto refused = call_app(knn);
  CHECK(refused.code == 2);
  CHECK(refused.err.find("eval.json is there and was not written by triptych") !=
        std::string::npos);
  CHECK(text_of(run.root() / "eval.json") == "{\"my\": \"notes\"}");
  fs::remove(run.root() / "eval.json");
  std::ofstream(run.root() / ".tmp-eval.json-12") << "unfinished";
  std::ofstream(run.root() / ".tmp-mine-12") << "x";
  CHECK(call_app(knn).code == 0);
  CHECK_FALSE(fs::exists(run.root() / ".tmp-eval.json-12"));
  CHECK(fs::exists(run.root() / ".tmp-mine-12"));
  const auto features = run.root() / "eval/features";
  REQUIRE(fs::exists(features / "trained-test.safetensors"));
  for (const auto& left :
       {features / ".tmp-trained-test.safetensors-12", run.root() / "eval/.tmp-.triptych-12"}) {
    std::ofstream(left) << "unfinished";
    CHECK(call_app(knn).code == 0);
    CHECK_FALSE(fs::exists(left));
  }
  remove_lists(run.root());  // as an older version leaves it
  CHECK(call_app(knn).code == 0);

  const words linear{"eval", run.root().string(), "--quiet", "--protocol",  "linear", "--batch",
                     "16",   "--epochs",          "2",       "--baselines", "pixels"};
  const auto state = run.root() / "eval/linear";
  REQUIRE(call_app(linear).code == 0);
  for (const char* left :
       {".tmp-step-000008-12/probe.safetensors", ".tmp-latest-12", ".tmp-mine"}) {
    fs::create_directories((state / left).parent_path());
    std::ofstream(state / left) << "x";
  }
  REQUIRE(call_app(linear + words{"--resume"}).code == 0);
  CHECK_FALSE(fs::exists(state / ".tmp-step-000008-12"));
  CHECK_FALSE(fs::exists(state / ".tmp-latest-12"));
  CHECK(fs::exists(state / ".tmp-mine"));
  remove_lists(run.root());
  const auto before = everything_in(state);
  CHECK(call_app(linear).code == 2);
  CHECK(everything_in(state) == before);
  CHECK(call_app(linear + words{"--resume"}).code == 0);  // the advice helps
  CHECK(call_app(linear).code == 0);
}

TEST_CASE("A missing or empty data set is refused with the place that was searched") {
  const temporary_directory empty;
  for (const std::string data : {"cifar10", "cifar100", "tiny_imagenet", "folder"}) {
    expect_bad_data(data, empty, {empty.path().string()});
  }
}

TEST_CASE("A CIFAR file cut short, too long or with a wrong label is refused with the offset") {
  const temporary_directory box;
  write_cifar(box);
  {
    const tiny_run run;
    const auto sound =
        run.train(tiny_options + words{"--data", "cifar10", "--data-dir", box.path().string()});
    INFO(sound.err);
    CHECK(sound.code == 0);
  }
  box.write("data_batch_3.bin", cifar_records(8).substr(0, 8 * 3073 - 1));
  expect_bad_data("cifar10", box, {"data_batch_3.bin", "21511"});
  box.write("data_batch_3.bin", cifar_records(8) + "x");
  expect_bad_data("cifar10", box, {"data_batch_3.bin"});
  auto wrong = cifar_records(8);
  wrong[2 * 3073] = 10;
  box.write("data_batch_3.bin", wrong);
  expect_bad_data("cifar10", box, {"data_batch_3.bin", "6146", "10"});
  box.write("data_batch_3.bin", std::string());
  expect_bad_data("cifar10", box, {"data_batch_3.bin"});
}

TEST_CASE("A picture that cannot be decoded is refused by name") {
  for (const char* broken : {"broken.ppm", "broken.jpg", "broken.png"}) {
    const temporary_directory box;
    for (const char* part : {"train/cat/", "train/dog/", "test/cat/", "test/dog/"}) {
      for (char number = '0'; number < '9'; ++number) {
        box.write(std::string(part) + number + ".ppm", portable_pixmap());
      }
    }
    box.write(std::string("train/dog/") + broken, std::string("P6\n8 8\n255\nshort"));
    expect_bad_data("folder", box, {broken});
  }
}
