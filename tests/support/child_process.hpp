// Runs a call in a forked child, for tests of what a process leaves behind when it dies.
#pragma once

#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

#include <triptych/core/error.hpp>

/// The exit code of a child that runs `call`: 0, the code of the triptych::error it threw, or 99
/// for any other exception; 128 + n if signal n ended it.
template <class Call>
int exit_code_of_child(const Call& call) {
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 0;
    try {
      call();
    } catch (const triptych::error& e) {
      code = e.exit_code();
    } catch (...) {
      code = 99;
    }
    ::_exit(code);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
