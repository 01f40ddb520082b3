// apps/triptych/report/curves.hpp
//
// Which charts the metrics of one or several runs make, and the level that is healthy in each.
#pragma once

#include <string>
#include <vector>

#include "triptych/report/line_chart.hpp"
#include "triptych/report/reported_run.hpp"

namespace triptych::app {

/// A heading and the charts below it.
struct chart_group {
  std::string id, title;
  std::vector<line_chart> charts;
};

/// Charts of all that was logged. Of one run a chart has a curve for each of its columns; of
/// several it has one for each run, and each column has a chart of its own.
std::vector<chart_group> chart_groups(const std::vector<reported_run>& runs);

}  // namespace triptych::app
