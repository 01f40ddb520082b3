// apps/triptych/report/run_sections.hpp
//
// The parts of a report that are text and tables: whether it learned, how the runs differ, how good
// they are, and what was run on what.
#pragma once

#include <string>
#include <vector>

#include "triptych/report/html_page.hpp"
#include "triptych/report/reported_run.hpp"

namespace triptych::app {

/// The head of the page: what the report is of, and for each run how far it got and whether it
/// learned.
std::string heading_of(const std::vector<reported_run>& runs);

/// What differs between several runs: options, images, program and machine. Paths are left out.
html::section differences_section(const std::vector<reported_run>& runs);

/// The accuracies that were recorded: evaluations, and kNN while training. No content where there
/// are none.
html::section accuracy_section(const std::vector<reported_run>& runs);

/// Configuration, images, program and machine of each run, and the command that repeats it.
html::section facts_section(const std::vector<reported_run>& runs);

/// The curves of all runs, a section for each group of charts.
std::vector<html::section> curve_sections(const std::vector<reported_run>& runs);

}  // namespace triptych::app
