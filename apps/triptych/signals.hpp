// apps/triptych/signals.hpp
//
// What a user says by signal while a run goes on. Handlers only set flags, which the run reads
// between steps: SIGINT, SIGTERM and SIGHUP (the terminal went away) ask it to save and stop, and a
// second one ends it at once; SIGUSR1 asks for a checkpoint. The time of --stop-after is such a
// request as well, by SIGALRM, which never ends anything at once. A request to stop that the process was
// started to ignore, as nohup does and a shell for what runs in the background, stays ignored.
#pragma once

#include <cmath>
#include <csignal>
#include <string>

#include <sys/time.h>
#include <unistd.h>

namespace triptych::app::signals {

namespace detail {

inline volatile std::sig_atomic_t stop = 0;        // the signal's number
inline volatile std::sig_atomic_t checkpoint = 0;  // 1 if wanted

inline void on_stop(int number) {
  if (stop != 0) ::_exit(128 + number);
  stop = number;
}

inline void on_time(int number) {
  if (stop == 0) stop = number;
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

/// Asks to stop in so many seconds from now.
inline void stop_after(double seconds) {
  detail::handle(SIGALRM, detail::on_time);
  const double whole = std::floor(seconds);
  itimerval timer{};
  timer.it_value.tv_sec = static_cast<time_t>(whole);
  timer.it_value.tv_usec = static_cast<suseconds_t>((seconds - whole) * 1e6);
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

/// Who asked to stop, for a reader: "signal 15".
inline std::string stopped_by() {
  return detail::stop == SIGALRM ? "--stop-after" : "signal " + std::to_string(detail::stop);
}

/// True once per request for a checkpoint.
inline bool take_checkpoint_request() {
  if (detail::checkpoint == 0) return false;
  detail::checkpoint = 0;
  return true;
}

}  // namespace triptych::app::signals
