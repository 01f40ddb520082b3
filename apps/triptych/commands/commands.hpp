// apps/triptych/commands/commands.hpp
//
// The commands of the app: each takes its checked options, prints results on stdout and progress on
// stderr, and returns the exit code. What goes wrong is thrown as triptych::error.
#pragma once

#include <cstddef>
#include <optional>

#include <triptych/core/error.hpp>

#include "triptych/options/options.hpp"

namespace triptych::app {

int train(const train_options& options);
int evaluate(const eval_options& options);
int embed(const embed_options& options);
int export_encoder(const export_options& options);
int inspect(const inspect_options& options);
int list_runs(const runs_options& options);
int compare(const compare_options& options);
int make_report(const report_options& options);
int data(const data_options& options);
int reproduce(const reproduce_options& options);
int merge(const merge_options& options);
int doctor(const doctor_options& options);

/// A page that has been written: its size, and what kept it from having all its pictures.
struct written_report {
  std::size_t bytes = 0;
  std::optional<error> failure;
};

/// Throws what keeps a report from being written to `options.out`: a file of somebody else, no
/// directory, no permission (error::usage, error::io).
void expect_report_place(const report_options& options);

/// The page of `report`, for `train --report` as well. Throws where no page can be written.
written_report write_report(const report_options& options);

}  // namespace triptych::app
