// The command `train`: settles the options, then runs them on their backend.
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <limits>
#include <optional>
#include <string>

#include <triptych/core/printable.hpp>
#include <triptych/io/checkpoint.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/owned_names.hpp>
#include <triptych/io/run_directory.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/initial_encoder.hpp"
#include "triptych/commands/run_target.hpp"
#include "triptych/commands/saved_run.hpp"
#include "triptych/console.hpp"
#include "triptych/devices/cuda.hpp"
#include "triptych/devices/device.hpp"
#include "triptych/devices/ranks.hpp"
#include "triptych/devices/train_backends.hpp"
#include "triptych/failure.hpp"
#include "triptych/options/memory_advice.hpp"

namespace triptych::app {

namespace fs = std::filesystem;

namespace {

/// The run that --resume continues, as it was configured. PATH may be a run directory, and then its
/// newest checkpoint is meant, or a checkpoint. It goes on in --out or where it lies.
train_options continued(const train_options& asked) {
  const fs::path given = asked.resume == "auto" ? run_directory(asked) : asked.resume;
  if (asked.resume != "auto" && !is_run(given)) {
    const auto saved = io::load_checkpoint(given);
    auto stored = config_of(saved);
    stored.data_dir = data_dir_of(saved.path.parent_path().parent_path(), stored.data_dir);
    auto options = resumed(stored, asked, saved.note.step);
    options.out = target_of(asked, given, saved);
    if (is_run(options.out)) {
      refuse_unknown_run(options.out);
      refuse_foreign(saved, options.out);
    }
    return options;
  }
  if (!is_run(given)) {
    throw error::usage("there is no run to resume in " + given.string() +
                       "; start one without --resume, or correct --out");
  }
  std::error_code ignored;
  if (asked.from.has("out") && !fs::equivalent(given, run_directory(asked), ignored)) {
    auto other = asked;
    const auto newest = io::newest_checkpoint(given / "checkpoints");
    if (!newest) {
      throw error::usage("the run in " + given.string() + " has no checkpoint to start from in " +
                         run_directory(asked) + "; leave --out out, or --resume");
    }
    other.resume = newest->string();
    return continued(other);
  }
  refuse_unknown_run(given);
  const auto config = given / "config.toml";
  const auto contents = io::read_file(config);
  const auto newest = io::newest_checkpoint(given / "checkpoints");
  const auto done = newest ? io::step_of_name(newest->filename().string()) : std::nullopt;
  auto stored = config_from_toml(contents.text(), config.string());
  stored.data_dir = data_dir_of(given, stored.data_dir);
  auto options = resumed(stored, asked, done.value_or(0));
  options.resume = "auto";
  if (run_directory(options) != given) options.out = given.string();
  return options;
}

/// What several processes can do. Throws error::usage.
void expect_ranks(const train_options& o, const launched& process) {
  std::string name;
  if (o.ranks > 1 && o.from.has("ranks")) name = "ranks";
  if (o.device == choice::device::cuda) name = "device";
  if (o.backend != choice::backend::eigen) name = "backend";
  if (!o.dump_step.empty()) name = "dump-step";
  if (name.empty()) return;
  throw error::usage(
      process.by + " says that this is one of " + std::to_string(process.size) +
      " processes: they are ranks on the CPU, with the backend eigen, and cannot do --" + name +
      " " + written(o, name) + "; " +
      (o.from.has(name) ? "leave that out, start one process, " : "start one process ") +
      "or give --launcher none for runs of their own");
}

/// The options as they count, warnings said.
train_options settled(const train_options& asked) {
  auto options = asked.resume.empty() ? asked : continued(asked);
  if (asked.resume.empty() && !options.init.empty()) options = with_initial_encoder(options);
  auto as_they_run = options;
  if (const auto process = launched_for(options)) {
    expect_ranks(options, *process);
    options.ranks = 1;  // threads of this process, also where the run had more
    as_they_run.ranks = process->size;
    as_they_run.from.given["ranks"] = process->by;
  }
  const auto warnings = check(as_they_run);
  if (own_rank(options) > 0) return options;
  for (const auto& warning : warnings) say("warning: " + warning);
  return options;
}

trained run_settled(const train_options& options) {
  const auto process = launched_for(options);
  const placement where = process ? place(options, std::nullopt) : placed(options);
  if (own_rank(options) == 0) {
    for (const auto& warning : without_effect_there(options, where)) say("warning: " + warning);
  }
  if (where.cuda) return train_cuda(options, where);
  return options.backend == choice::backend::eigen ? train_eigen(options, where)
                                                   : train_reference(options, where);
}

std::string resuming(const std::string& run) {
  return "triptych train --out " + shell_word(run) + " --resume";
}

/// The failure, with the command that takes its advice where the run has begun: what is there is no
/// longer started, it is resumed.
error with_command(const error& failure, const train_options& options) {
  const std::string run = run_directory(options), what = failure.what();
  const fs::path config = fs::path(run) / "config.toml";
  try {  // the run that is there may still be the one that --overwrite was to replace
    const auto stored = config_from_toml(io::read_file(config).text(), config.string());
    if (!differences(stored, options).empty()) return failure;
  } catch (const error&) {
    return failure;
  }
  if (failure.kind() == error_kind::non_finite && what.ends_with("lower `lr`")) {
    const double rate = std::min(base_rate(options, std::numeric_limits<std::int64_t>::max()) / 2,
                                 train_options{}.lr);
    return error::non_finite(what + " (" + resuming(run) + " --lr " + io::number_text(rate) + ")");
  }
  if (failure.kind() == error_kind::io && what.ends_with("try again")) {
    return error::io(what + " (" + resuming(run) + ")");
  }
  if (failure.kind() == error_kind::memory && what.find("`threads` 1") == what.npos) {
    return error::memory(what + "; these are of a new run, with --overwrite or in another --out");
  }
  return failure;
}

constexpr const char* report_name = "report.html";

/// What `triptych report RUN` is asked for, with the page in the run. Sizes that were asked for in
/// training are no surprise.
report_options report_of(const std::string& run, const train_options& o) {
  report_options report;
  report.runs = {run};
  report.out = (fs::path(run) / report_name).string();
  report.threads = o.threads;
  report.quiet = o.quiet;
  report.image_memory = o.image_memory;
  report.large = true;
  report.from.given["out"] = o.from.of("report");
  return report;
}

/// Writes the page and lists it as the run's, so that --overwrite takes it away with the run.
/// Returns what kept it from being written, or from having all its pictures: a failure of the page
/// alone, for the run is whole by then.
std::optional<error> try_report(const report_options& report) {
  const std::string& run = report.runs.front();
  const std::string again =
      " (triptych report " + shell_word(run) + " --out " + shell_word(report.out) + ")";
  try {
    const io::run_lock held(run);
    expect_report_place(report);
    io::owned_names(run).adopt({report_name});
    auto failure = write_report(report).failure;
    if (!failure) return {};
    return error(failure->kind(), failure->what() + again);
  } catch (const std::exception& failure) {
    const auto known = as_error(failure, less_memory(report));
    return error(known.kind(), known.what() + again);
  }
}

}  // namespace

trained run_training(const train_options& asked) { return run_settled(settled(asked)); }

int train(const train_options& asked) {
  const train_options options = settled(asked);
  if (asked.print_config) {
    std::cout << config_toml(options, true);
    return 0;
  }
  if (options.report && io::is_there(fs::path(run_directory(options)) / report_name)) {
    expect_report_place(report_of(run_directory(options), options));  // before hours of training
  }
  trained done;
  try {
    done = run_settled(options);
  } catch (const error& failure) {
    throw with_command(failure, options);
  }
  if (done.run.empty()) return done.code;
  if (done.code != 0) {
    progress(asked.quiet).note("continue with: " + resuming(done.run));
    return done.code;
  }
  const auto report = report_of(done.run, options);
  const auto failure = options.report ? try_report(report) : std::nullopt;
  const bool page = options.report && !failure;
  if (asked.json) {
    std::cout << "{\"run\": " << io::json_string(done.run) << ", \"steps\": " << done.steps
              << ", \"seconds\": " << fixed(done.seconds, 1)
              << (page ? ", \"report\": " + io::json_string(report.out) : "") << "}\n";
  } else {
    const std::string run = printable(done.run);
    std::cout << "run      " << run << "\n"
              << "encoder  " << (fs::path(run) / "export" / "encoder.safetensors").string() << "\n"
              << (page ? "report   " + (fs::path(run) / report_name).string() + "\n" : "")
              << "next     triptych " << (done.judgeable ? "eval " : "embed ")
              << shell_word(done.run)
              << (done.judgeable ? "" : " --split train --out features.safetensors") << "\n";
  }
  if (failure) throw *failure;  // the run is whole, and has been said
  return 0;
}

}  // namespace triptych::app
