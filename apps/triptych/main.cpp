// The app `triptych`: a subcommand per file, options in options.cpp, and here what is common to
// all.
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>
#include <type_traits>
#include <variant>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>

#include "command_line.hpp"
#include "commands.hpp"
#include "console.hpp"

namespace triptych::app {

namespace {

int run(const train_options& options) { return train(options); }
int run(const eval_options& options) { return evaluate(options); }
int run(const embed_options& options) { return embed(options); }
int run(const inspect_options& options) { return inspect(options); }
int run(const data_options& options) { return data(options); }
int run(const reproduce_options& options) { return reproduce(options); }
int run(const doctor_options& options) { return doctor(options); }

int run(int argc, const char* const* argv) {
  fill_standard_descriptors();
  io::ignore_file_size_signal();
  const printable_lines results(std::cout);
  const auto request = read_command_line(argc, argv, command_texts(), version_text());
  const int code =
      request ? std::visit([](const auto& o) { return run(o); }, options_of(*request)) : 0;
  if (!std::cout.flush()) {
    throw error::io("cannot write the results to stdout; free some disk space or redirect them "
                    "elsewhere");
  }
  return code;
}

}  // namespace

}  // namespace triptych::app

int main(int argc, char** argv) {
  using triptych::app::say;
  try {
    return triptych::app::run(argc, argv);
  } catch (const triptych::error& failure) {
    say(failure.what());
    return failure.exit_code();
  } catch (const std::bad_alloc&) {
    say("out of memory; choose a smaller --batch, --width or --queue");
    return static_cast<int>(triptych::error_kind::memory);
  } catch (const std::exception& failure) {
    say(std::string("unexpected: ") + failure.what() + "; please report this");
  }
  return static_cast<int>(triptych::error_kind::runtime);
}
