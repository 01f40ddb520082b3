// Runs a program as a user would, and keeps what it said.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/temporary_directory.hpp"

namespace triptych::test {

struct app_result {
  int code = -1;  ///< exit code, or 128 + the signal that ended it
  std::string out, err;
};

/// The whole of a small file.
inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Runs `program` with `arguments`, and with `variables` ("NAME=value") added to the environment.
inline app_result run_app(const std::string& program, const std::vector<std::string>& arguments,
                          const std::vector<std::string>& variables = {}) {
  const temporary_directory directory;
  const auto out = directory.path() / "out", err = directory.path() / "err";

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
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), create, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), create, 0600);
  pid_t child = 0;
  const int failure =
      posix_spawn(&child, program.c_str(), &files, nullptr, const_cast<char**>(argv.data()),
                  const_cast<char**>(environment.data()));
  posix_spawn_file_actions_destroy(&files);
  if (failure != 0) return {};

  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return {code, text_of(out), text_of(err)};
}

}  // namespace triptych::test
