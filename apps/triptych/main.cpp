// The app `triptych`: a file of commands/ for each command, and here what is common to
// all.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <thread>
#include <variant>

#include <triptych/backend/cpu/instruction_set.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/console.hpp"
#include "triptych/devices/launcher.hpp"
#include "triptych/devices/ranks.hpp"
#include "triptych/failure.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/memory_advice.hpp"

namespace triptych::app {

namespace {

int run(const train_options& options) { return train(options); }
int run(const eval_options& options) { return evaluate(options); }
int run(const embed_options& options) { return embed(options); }
int run(const export_options& options) { return export_encoder(options); }
int run(const inspect_options& options) { return inspect(options); }
int run(const runs_options& options) { return list_runs(options); }
int run(const compare_options& options) { return compare(options); }
int run(const report_options& options) { return make_report(options); }
int run(const data_options& options) { return data(options); }
int run(const reproduce_options& options) { return reproduce(options); }
int run(const merge_options& options) { return merge(options); }
int run(const doctor_options& options) { return doctor(options); }

/// Only training is done by several processes; the others would write the same files.
void refuse_several() {
  if (const auto process = launched_here()) {
    throw error::usage(process->by + " says that this is one of " + std::to_string(process->size) +
                       " processes, and this command is one; start it without mpirun or srun");
  }
}

/// Runs what the command line asks for; `advice` becomes that against its need of memory.
int run(int argc, const char* const* argv, std::string& advice) {
  fill_standard_descriptors();
  io::ignore_file_size_signal();
  const printable_lines results(std::cout);
  const auto request = read_command_line(argc, argv, command_texts(), version_text());
  int code = 0;
  if (request) {
    if (const auto& problem = cpu::kernels().problem; !problem.empty()) throw error::usage(problem);
    const auto options = options_of(*request);
    if (!std::holds_alternative<train_options>(options)) refuse_several();
    advice = std::visit([](const auto& o) { return less_memory(o); }, options);
    code = std::visit([](const auto& o) { return run(o); }, options);
  }
  if (!std::cout.flush()) {
    throw error::io("cannot write the results to stdout; free some disk space or redirect them "
                    "elsewhere");
  }
  return code;
}

/// Memory that is gone may be asked for where nothing may be thrown, as when a JSON tree is
/// destroyed. That ends the program without a word otherwise.
[[noreturn]] void end_without_memory() {
  std::fputs("triptych: out of memory; free some, or raise the limit (ulimit -v)\n", stderr);
  std::_Exit(static_cast<int>(error_kind::memory));
}

void on_terminate() {
  try {
    if (const auto current = std::current_exception()) std::rethrow_exception(current);
  } catch (const std::bad_alloc&) {
    end_without_memory();
  } catch (...) {
  }
  std::abort();
}

/// Says what went wrong; the exit code for it. `apart`: processes of a launcher are runs of their own.
int failed(const std::exception& failure, const std::string& advice, bool apart) {
  try {
    const error known = as_error(failure, advice);
    const auto process = launched_here();
    if (process && process->rank > 0 && !apart) {
      // What is wrong on all ranks is said by rank 0, which ends the others meanwhile.
      std::this_thread::sleep_for(std::chrono::seconds(3));
      say("rank " + std::to_string(process->rank) + ": " + known.what());
    } else {
      say(known.what());
    }
    end_all_ranks(known.exit_code());
    return known.exit_code();
  } catch (...) {  // not even for this
    end_without_memory();
  }
}

}  // namespace

}  // namespace triptych::app

int main(int argc, char** argv) {
  std::set_terminate(triptych::app::on_terminate);
  std::string advice;
  try {
    return triptych::app::run(argc, argv, advice);
  } catch (const std::exception& failure) {
    const bool apart = triptych::app::are_apart({argv, argv + argc});
    return triptych::app::failed(failure, advice, apart);
  }
}
