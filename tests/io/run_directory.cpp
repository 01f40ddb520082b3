#include <triptych/io/run_directory.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/wait.h>

#include <support/catch.hpp>
#include <support/child_process.hpp>
#include <support/temporary_directory.hpp>
#include <support/text_of.hpp>
#include <support/thrown.hpp>

namespace io = triptych::io;
namespace fs = std::filesystem;
using io::existing_run;
using triptych::error_kind;
using triptych::test::text_of;

namespace {

thrown_error refusal(const fs::path& root, existing_run policy) {
  return thrown_by([&] { const io::run_directory run(root, policy); });
}

/// What a short run leaves behind.
void make_run(const temporary_directory& box) {
  const io::run_directory run(box.path() / "run");
  run.write_config("seed = 1\n");
  run.write_status(io::run_state::done, 10);
  for (const char* name :
       {"metrics.jsonl", "metrics.csv", "train.log", "eval.json", "export/encoder.safetensors",
        "checkpoints/step-000010/model.safetensors", "checkpoints/step-000010/MANIFEST.json",
        "eval/linear/step-000003/MANIFEST.json"}) {
    box.write(std::string("run/") + name, std::string("x"));
  }
  fs::create_directory_symlink("step-000010", run.checkpoints() / "latest");
}

}  // namespace

TEST_CASE("a new run directory holds what is written to it") {
  const temporary_directory box;
  const auto root = box.path() / "deep/run";
  const io::run_directory run(root);
  run.write_config("seed = 1\n");
  run.write_environment({{"compiler", "g++ \"12\""}, {"threads", "2"}});
  run.write_status(io::run_state::running, 0);
  run.write_status(io::run_state::failed, 7, "the loss is NaN");
  CHECK(text_of(root / "config.toml") == "seed = 1\n");
  CHECK(text_of(root / "environment.json") ==
        "{\n  \"compiler\": \"g++ \\\"12\\\"\",\n  \"threads\": \"2\"\n}\n");
  const std::string status = text_of(root / "status.json");
  CHECK(status.starts_with("{\n  \"state\": \"failed\",\n  \"step\": 7,\n"
                           "  \"reason\": \"the loss is NaN\",\n  \"time\": \"2"));
  CHECK(status.ends_with("\"process\": " + std::to_string(::getpid()) + "\n}\n"));
}

TEST_CASE("a directory that is not empty is refused, names both ways out, and is left alone") {
  const temporary_directory box;
  box.write("run/diary.txt", std::string("dear"));
  const auto thrown = refusal(box.path() / "run", existing_run::refuse);
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("diary.txt"));
  CHECK(thrown.says("--resume"));
  CHECK(thrown.says("--overwrite"));
  CHECK_FALSE(fs::exists(box.path() / "run/lock"));
}

TEST_CASE("an existing run is refused unless it is resumed or overwritten") {
  const temporary_directory box;
  make_run(box);
  CHECK(refusal(box.path() / "run", existing_run::refuse).kind == error_kind::usage);
  CHECK_FALSE(refusal(box.path() / "run", existing_run::resume).any);
  CHECK(text_of(box.path() / "run/metrics.csv") == "x");
}

TEST_CASE("there must be a run to resume") {
  const temporary_directory box;
  const auto thrown = refusal(box.path() / "run", existing_run::resume);
  CHECK(thrown.kind == error_kind::usage);
  CHECK(thrown.says("no run to resume"));
  CHECK(fs::is_empty(box.path()));
}

TEST_CASE("overwriting removes what a run writes and never a foreign file") {
  const temporary_directory box;
  make_run(box);
  const char* foreign[] = {"diary.txt",
                           "model.safetensors",
                           "export/mine.safetensors",
                           "checkpoints/notes",
                           "checkpoints/step-000010/notes",
                           "checkpoints/step-best/model.safetensors",
                           "samples/cat.png"};
  for (const char* name : foreign) box.write(std::string("run/") + name, std::string("mine"));
  const io::run_directory run(box.path() / "run", existing_run::overwrite);
  for (const char* name : foreign) CHECK(text_of(run.root() / name) == "mine");
  for (const char* name :
       {"config.toml", "status.json", "metrics.jsonl", "metrics.csv", "train.log",
        "export/encoder.safetensors", "checkpoints/latest",
        "checkpoints/step-000010/model.safetensors", "checkpoints/step-000010/MANIFEST.json",
        "eval.json", "eval/linear/step-000003/MANIFEST.json"}) {
    CHECK_FALSE(fs::exists(fs::symlink_status(run.root() / name)));
  }
}

TEST_CASE("overwriting a plain run leaves nothing but the lock") {
  const temporary_directory box;
  make_run(box);
  const io::run_directory run(box.path() / "run", existing_run::overwrite);
  CHECK(std::distance(fs::directory_iterator(run.root()), fs::directory_iterator()) == 1);
}

TEST_CASE("a preview refuses what a run would be refused for, and makes nothing") {
  const temporary_directory box;
  const auto root = box.path() / "run";
  CHECK_NOTHROW(io::run_directory::preview(root, existing_run::refuse));
  const auto preview = [&](existing_run policy) {
    return thrown_by([&] { io::run_directory::preview(root, policy); }).kind;
  };
  CHECK(preview(existing_run::resume) == error_kind::usage);
  CHECK(fs::is_empty(box.path()));
  make_run(box);
  CHECK(preview(existing_run::refuse) == error_kind::usage);
  CHECK_NOTHROW(io::run_directory::preview(root, existing_run::resume));
  CHECK_NOTHROW(io::run_directory::preview(root, existing_run::overwrite));
  CHECK(fs::exists(root / "config.toml"));
  const io::run_directory run(root, existing_run::resume);
  CHECK(preview(existing_run::refuse) == error_kind::busy);
}

TEST_CASE("what an interrupted process left is removed by the next owner") {
  const temporary_directory box;
  make_run(box);
  box.write("run/.tmp-status.json-123", std::string("x"));
  box.write("run/checkpoints/.tmp-step-000020-123/model.safetensors", std::string("x"));
  box.write("run/export/.tmp-encoder.safetensors-1", std::string("x"));
  const io::run_directory run(box.path() / "run", existing_run::resume);
  CHECK_FALSE(fs::exists(run.root() / ".tmp-status.json-123"));
  CHECK_FALSE(fs::exists(run.checkpoints() / ".tmp-step-000020-123"));
  CHECK_FALSE(fs::exists(run.exports() / ".tmp-encoder.safetensors-1"));
  CHECK(fs::exists(run.checkpoints() / "step-000010/MANIFEST.json"));
}

TEST_CASE("a run in use is busy for everybody else, whatever they ask for") {
  const temporary_directory box;
  const io::run_directory run(box.path() / "run");
  box.write("run/.tmp-status.json-123", std::string("x"));
  run.write_config("seed = 1\n");
  for (const auto policy : {existing_run::refuse, existing_run::resume, existing_run::overwrite}) {
    const auto start = std::chrono::steady_clock::now();
    const auto thrown = refusal(run.root(), policy);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(1));
    CHECK(thrown.kind == error_kind::busy);
    CHECK(thrown.says("process " + std::to_string(::getpid())));
  }
  CHECK(fs::exists(run.root() / ".tmp-status.json-123"));
  CHECK(text_of(run.root() / "config.toml") == "seed = 1\n");
}

TEST_CASE("of several processes that start at once exactly one gets the run") {
  for (int race = 0; race < 20; ++race) {
    const temporary_directory box;
    int gate[2];
    REQUIRE(::pipe(gate) == 0);
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      const pid_t child = ::fork();
      if (child == 0) {
        ::close(gate[1]);
        char byte;
        static_cast<void>(!::read(gate[0], &byte, 1));  // until the parent opens the gate
        try {
          const io::run_directory run(box.path() / "run");
          run.write_config("seed = 1\n");
          ::pause();
        } catch (const triptych::error& e) {
          ::_exit(e.exit_code());
        }
      }
      children.push_back(child);
    }
    ::close(gate[0]);
    ::close(gate[1]);
    int busy = 0;
    for (int ended = 0; ended < 3; ++ended) {
      int status = 0;
      const pid_t child = ::wait(&status);
      busy += WIFEXITED(status) && WEXITSTATUS(status) == 4;
      std::erase(children, child);
    }
    CHECK(busy == 3);
    REQUIRE(children.size() == 1);
    ::kill(children.front(), SIGKILL);
    ::waitpid(children.front(), nullptr, 0);
    CHECK_FALSE(refusal(box.path() / "run", existing_run::overwrite).any);  // no stale lock
  }
}

TEST_CASE("a directory that cannot be written to is an error before anything else") {
  const temporary_directory box;
  const auto root = box.path() / "run";
  fs::create_directory(root);
  fs::permissions(box.path(), fs::perms::others_all, fs::perm_options::add);
  fs::permissions(root, fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read |
                            fs::perms::others_exec);
  CHECK(exit_code_of_child([&] {
          if (::geteuid() == 0 && ::seteuid(65534) != 0) ::_exit(98);
          const io::run_directory run(root);
        }) == 74);
  CHECK(exit_code_of_child([] { const io::run_directory run("/proc/run"); }) == 74);
  const auto file = box.write("file", std::string("x"));
  CHECK(refusal(file, existing_run::overwrite).kind == error_kind::io);
  CHECK(refusal(file, existing_run::refuse).any);
}
