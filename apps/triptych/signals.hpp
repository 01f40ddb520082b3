// apps/triptych/signals.hpp
//
// What a user says by signal while a run goes on. Handlers only set flags, which the run reads
// between steps: SIGINT, SIGTERM and SIGHUP (the terminal went away) ask it to save and stop, and a
// second one ends it at once; SIGUSR1 asks for a checkpoint. A request to stop that the process was
// started to ignore, as nohup does and a shell for what runs in the background, stays ignored.
#pragma once

#include <csignal>

#include <unistd.h>

namespace triptych::app::signals {

namespace detail {

inline volatile std::sig_atomic_t stop = 0;        // the signal's number
inline volatile std::sig_atomic_t checkpoint = 0;  // 1 if wanted

inline void on_stop(int number) {
  if (stop != 0) ::_exit(128 + number);
  stop = number;
}

inline void on_checkpoint(int) { checkpoint = 1; }

inline void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(number, &action, nullptr);
}

}  // namespace detail

/// Installs the handlers; from now on the run must look at the flags. A reader of its output that
/// goes away no longer ends it either.
inline void install() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction current {};
    ::sigaction(number, nullptr, &current);
    if (current.sa_handler != SIG_IGN) detail::handle(number, detail::on_stop);
  }
  detail::handle(SIGUSR1, detail::on_checkpoint);
  detail::handle(SIGPIPE, SIG_IGN);
}

/// The number of the signal that asked to stop, or 0; the exit code is 128 + that.
inline int stop_requested() { return detail::stop; }

/// True once per request for a checkpoint.
inline bool take_checkpoint_request() {
  if (detail::checkpoint == 0) return false;
  detail::checkpoint = 0;
  return true;
}

}  // namespace triptych::app::signals
