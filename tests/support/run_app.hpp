// Runs a program as a user would, and keeps what it said.
#pragma once

#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temporary_directory.hpp"
#include "support/text_of.hpp"

namespace triptych::test {

struct app_result {
  int code = -1;  ///< exit code, or 128 + the signal that ended it
  std::string out, err;
};

/// A program that is running; killed at the end of its scope if it still does.
class running_app {
 public:
  /// Starts `program` with `arguments`, and with `variables` ("NAME=value") added to the
  /// environment. It ignores no signal, even where the tests were started to.
  running_app(const std::string& program, const std::vector<std::string>& arguments,
              const std::vector<std::string>& variables = {}) {
    std::vector<const char*> argv{program.c_str()}, environment;
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    for (const auto& variable : variables) environment.push_back(variable.c_str());
    for (char** entry = environ; *entry != nullptr; ++entry) environment.push_back(*entry);
    argv.push_back(nullptr);
    environment.push_back(nullptr);

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    constexpr int create = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out().c_str(), create, 0600);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err().c_str(), create, 0600);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
    posix_spawnattr_setsigdefault(&attributes, &signals);
    const int failure =
        posix_spawn(&child_, program.c_str(), &files, &attributes, const_cast<char**>(argv.data()),
                    const_cast<char**>(environment.data()));
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    if (failure != 0) throw std::runtime_error("cannot start " + program);
  }
  running_app(const running_app&) = delete;
  running_app& operator=(const running_app&) = delete;
  ~running_app() {
    if (child_ == 0) return;
    send(SIGKILL);
    static_cast<void>(wait());
  }

  void send(int signal) const { ::kill(child_, signal); }

  /// True until the program ends.
  [[nodiscard]] bool runs() const {
    siginfo_t state{};
    return ::waitid(P_PID, static_cast<id_t>(child_), &state, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           state.si_pid == 0;
  }

  /// Waits for its end.
  app_result wait() {
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    child_ = 0;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return {code, text_of(out()), text_of(err())};
  }

 private:
  [[nodiscard]] std::filesystem::path out() const { return directory_.path() / "out"; }
  [[nodiscard]] std::filesystem::path err() const { return directory_.path() / "err"; }

  temporary_directory directory_;
  pid_t child_ = 0;
};

/// Runs a program to its end.
inline app_result run_app(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<std::string>& variables = {}) {
  return running_app(program, arguments, variables).wait();
}

/// Runs the app to its end, in the tests of folder app.
inline app_result call_app(const std::vector<std::string>& arguments,
                           const std::vector<std::string>& variables = {}) {
  return run_app(TRIPTYCH_APP, arguments, variables);
}

}  // namespace triptych::test
