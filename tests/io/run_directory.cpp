#include <triptych/io/run_directory.hpp>

#include <chrono>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

#include <support/catch.hpp>
#include <support/child_process.hpp>
#include <support/everything_in.hpp>
#include <support/temporary_directory.hpp>
#include <support/text_of.hpp>
#include <support/thrown.hpp>
#include <triptych/io/checkpoint.hpp>

namespace io = triptych::io;
namespace fs = std::filesystem;
using io::existing_run;
using triptych::error_kind;
using triptych::test::everything_in;
using triptych::test::remove_lists;
using triptych::test::text_of;

namespace {

thrown_error refusal(const fs::path& root, existing_run policy) {
  return thrown_by([&] { const io::run_directory run(root, policy); });
}

/// What a short run leaves behind.
void make_run(const temporary_directory& box) {
  const io::run_directory run(box.path() / "run");
  run.claim(io::run_directory::files());
  run.claim({"eval.json"});
  run.write_config("seed = 1\n");
  run.write_status(io::run_state::done, 10);
  const auto add = [&](const fs::path& directory, const std::vector<std::string>& names) {
    io::make_directories(directory);
    io::owned_names(directory).claim(names);
    for (const auto& name : names) {
      box.write(fs::relative(directory / name, box.path()).string(), std::string("x"));
    }
  };
  for (const char* name : {"metrics.jsonl", "metrics.csv", "train.log", "eval.json"}) {
    box.write(std::string("run/") + name, std::string("x"));
  }
  add(run.exports(), {"encoder.safetensors"});
  add(run.root() / "eval/linear", {"step-000003/MANIFEST.json"});
  add(run.root() / "eval", {"step-000010.json"});
  add(run.checkpoints(), {"step-000010/MANIFEST.json", "step-000010/model.safetensors"});
  io::owned_names(run.checkpoints()).claim({"latest"});
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

TEST_CASE("a directory with other people's files is refused and left alone, whatever their names") {
  for (const char* name : {"diary.txt", "config.toml", "checkpoints/step-000010/model.safetensors",
                           "export/encoder.safetensors", "status.json"}) {
    for (const auto policy : {existing_run::refuse, existing_run::overwrite}) {
      const temporary_directory box;
      box.write(std::string("run/") + name, std::string("dear"));
      box.write("run/.tmp-cache", std::string("dear"));
      const auto before = everything_in(box.path());
      const auto thrown = refusal(box.path() / "run", policy);
      CHECK(thrown.kind == error_kind::usage);
      CHECK(thrown.says(fs::path(name).begin()->string()));
      CHECK(thrown.says("choose another `out`"));
      CHECK_FALSE(thrown.says("`resume`"));  // it would not work
      CHECK(everything_in(box.path()) == before);
    }
  }
}

TEST_CASE("what only looks unfinished stays where a new run begins") {
  const temporary_directory box;
  for (const char* name : {".tmp-cache", ".tmp-photo.jpg-12", ".tmp-step-000010-3/notes"}) {
    box.write(std::string("run/") + name, std::string("mine"));
  }
  const io::run_directory run(box.path() / "run");
  run.claim(io::run_directory::files());
  run.write_config("seed = 1\n");
  for (const char* name : {".tmp-cache", ".tmp-photo.jpg-12", ".tmp-step-000010-3/notes"}) {
    CHECK(text_of(run.root() / name) == "mine");
  }
}

TEST_CASE("a run without lists can be resumed and is listed then, and is not overwritten before") {
  const temporary_directory box;
  const auto root = box.path() / "run";
  {
    const io::run_directory run(root);
    run.claim(io::run_directory::files());
    run.write_config("seed = 1\n");
    run.write_status(io::run_state::done, 20);
    for (const std::int64_t step : {10, 20}) {
      io::save_checkpoint(run.checkpoints(), {step, 0, "seed = 1\n", {}}, {{"model", {}, {}}});
    }
  }
  remove_lists(root);
  // Of somebody else, and damaged.
  io::save_checkpoint(box.path() / "b", {15, 0, "seed = 2\n", {}}, {{"model", {}, {}}});
  fs::copy(box.path() / "b/step-000015", root / "checkpoints/step-000015");
  box.write("run/checkpoints/step-000005/MANIFEST.json", std::string("mine"));
  box.write("run/.tmp-status.json-123", std::string("x"));
  const auto before = everything_in(root);
  for (const auto policy : {existing_run::refuse, existing_run::overwrite}) {
    const auto thrown = refusal(root, policy);
    CHECK(thrown.kind == error_kind::usage);
    CHECK(thrown.says("as an older triptych made it; continue it with `resume`, after which "
                      "`overwrite` can replace it"));
    CHECK(everything_in(root) == before);
  }
  CHECK(io::run_directory::has_run_without_list(root));
  {
    const io::run_directory run(root, existing_run::resume);
    CHECK_FALSE(run.listed());
    CHECK(thrown_by([&] { run.write_config("seed = 3\n"); }).kind == error_kind::usage);
    CHECK(fs::exists(root / ".tmp-status.json-123"));
    run.adopt(io::run_directory::files(),
              [](const io::checkpoint_note& note) { return note.config == "seed = 1\n"; });
    CHECK(run.listed());
    CHECK_FALSE(fs::exists(root / ".tmp-status.json-123"));
    io::save_checkpoint(run.checkpoints(), {30, 0, "seed = 1\n", {}}, {{"model", {}, {}}});
  }
  const io::run_directory run(root, existing_run::overwrite);
  for (const char* gone : {"config.toml", "status.json", "checkpoints/step-000010",
                           "checkpoints/step-000020", "checkpoints/latest"}) {
    CHECK_FALSE(fs::exists(fs::symlink_status(root / gone)));
  }
  CHECK(fs::exists(root / "checkpoints/step-000015/MANIFEST.json"));
  CHECK(text_of(root / "checkpoints/step-000005/MANIFEST.json") == "mine");
}

TEST_CASE("a lock that is a link or no lock is refused, and where it leads stays as it is") {
  const temporary_directory box;
  const auto thesis = box.write("thesis", std::string("precious"));
  const auto root = box.path() / "run";
  fs::create_directory(root);
  const auto check = [&] {
    for (const auto policy : {existing_run::refuse, existing_run::overwrite}) {
      const auto thrown = refusal(root, policy);
      CHECK(thrown.kind == error_kind::usage);
      CHECK(thrown.says((root / "lock").string()));
      CHECK(thrown.says("move it away"));
    }
    CHECK(text_of(thesis) == "precious");
    fs::remove(root / "lock");
    CHECK_FALSE(refusal(root, existing_run::refuse).any);  // the advice helps
    fs::remove(root / "lock");
  };
  fs::create_symlink(thesis, root / "lock");
  check();
  fs::create_hard_link(thesis, root / "lock");
  check();
  box.write("run/lock", std::string("a poem"));
  check();
  REQUIRE(::mkfifo((root / "lock").c_str(), 0600) == 0);
  check();
}

TEST_CASE("a lock file that was removed lets nobody in") {
  const temporary_directory box;
  const io::run_directory run(box.path() / "run");
  run.write_config("seed = 1\n");
  fs::remove(run.root() / "lock");
  for (const auto policy : {existing_run::resume, existing_run::overwrite}) {
    const auto thrown = refusal(run.root(), policy);
    CHECK(thrown.kind == error_kind::busy);
  }
  CHECK_NOTHROW(run.check_held());  // and its owner has one again
  CHECK(text_of(run.root() / "lock") == std::to_string(::getpid()));
}

TEST_CASE("who only looks whether a run is held keeps nobody from it") {
  const temporary_directory box;
  const auto root = box.path() / "run";
  { const io::run_directory begun(root); }
  CHECK_FALSE(io::run_directory::is_held(root));
  for (const char* lock : {".", "lock"}) {
    std::optional<io::descriptor> looks(io::open_file(root / lock, O_RDONLY));
    REQUIRE(::flock(looks->get(), LOCK_SH | LOCK_NB) == 0);
    std::thread done([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      looks.reset();
    });
    CHECK_NOTHROW(io::run_lock{root});
    done.join();
  }
  const io::run_lock held(root);
  CHECK(io::run_directory::is_held(root));
  CHECK(thrown_by([&] { io::run_lock{root}; }).kind == error_kind::busy);
}

TEST_CASE("the owner notices when another process has a new lock, and when its directory is gone") {
  const temporary_directory box;
  const io::run_directory run(box.path() / "run");
  CHECK_NOTHROW(run.check_held());
  {  // as one does that knows the lock file alone
    fs::remove(run.root() / "lock");
    const io::descriptor other = io::open_file(run.root() / "lock", O_RDWR | O_CREAT);
    REQUIRE(::flock(other.get(), LOCK_EX | LOCK_NB) == 0);
    CHECK(thrown_by([&] { run.check_held(); }).kind == error_kind::busy);
  }
  CHECK_NOTHROW(run.check_held());
  fs::rename(run.root(), box.path() / "moved");
  for (int made = 0; made < 2; ++made) {  // nothing is there; another directory is
    const auto thrown = thrown_by([&] { run.check_held(); });
    CHECK(thrown.kind == error_kind::io);
    CHECK(thrown.says("was removed or moved away"));
    fs::create_directory(run.root());
  }
  fs::remove(run.root());
  fs::rename(box.path() / "moved", run.root());
  CHECK_NOTHROW(run.check_held());
}

TEST_CASE("an interrupted call does not keep anybody from a run") {
  for (const char* point : {"truncate", "lock#1", "lock#2", "list", "remove", "*#30"}) {
    const temporary_directory box;
    make_run(box);
    box.write("run/.tmp-status.json-123", std::string("x"));
    ::setenv("TRIPTYCH_FAILPOINT", (std::string(point) + ":EINTR").c_str(), 1);
    const auto refused = refusal(box.path() / "run", existing_run::overwrite);
    ::unsetenv("TRIPTYCH_FAILPOINT");
    CHECK_FALSE(refused.any);
    CHECK_FALSE(fs::exists(box.path() / "run/checkpoints"));
  }
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
                           "checkpoints/step-000010/mine.safetensors",
                           "checkpoints/step-000011/model.safetensors",
                           "checkpoints/step-000011/MANIFEST.json",
                           "checkpoints/step-best/model.safetensors",
                           "eval/linear/step-000004/MANIFEST.json",
                           "eval/step-000011.json",
                           ".tmp-cache",
                           "samples/cat.png"};
  for (const char* name : foreign) box.write(std::string("run/") + name, std::string("mine"));
  const io::run_directory run(box.path() / "run", existing_run::overwrite);
  for (const char* name : foreign) CHECK(text_of(run.root() / name) == "mine");
  for (const char* name :
       {"config.toml", "status.json", "metrics.jsonl", "metrics.csv", "train.log",
        "export/encoder.safetensors", "checkpoints/latest",
        "checkpoints/step-000010/model.safetensors", "checkpoints/step-000010/MANIFEST.json",
        "eval.json", "eval/step-000010.json", "eval/linear/step-000003/MANIFEST.json"}) {
    CHECK_FALSE(fs::exists(fs::symlink_status(run.root() / name)));
  }
}

TEST_CASE("overwriting a plain run leaves nothing but the lock and the list") {
  const temporary_directory box;
  make_run(box);
  const io::run_directory run(box.path() / "run", existing_run::overwrite);
  CHECK(std::distance(fs::directory_iterator(run.root()), fs::directory_iterator()) == 2);
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
  io::owned_names(box.path() / "run/checkpoints").claim({"step-000020/model.safetensors"});
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
