// apps/triptych/commands/table_chart.hpp
//
// A table as a figure: accuracy over the arithmetic that it took. Rows of unequal cost stand at equal
// epochs in the table, and at equal arithmetic one above the other here.
#pragma once

#include <string>

#include "triptych/commands/statistics.hpp"
#include "triptych/commands/table_report.hpp"
#include "triptych/report/line_chart.hpp"

namespace triptych::app {

/// A curve for each row, a dot for each point: the mean over the seeds. Of what is not trained a line
/// across.
inline line_chart chart_of(const table_report& t) {
  line_chart chart{.title = t.caption + ", " + t.data,
                   .note = {},
                   .x_title = "encoder forwards for each training image (a backward counts two)",
                   .y_title = "top-1 %, " + t.judged_by,
                   .curves = {}};
  for (const auto& line : t.lines) {
    const auto top1 = summarize(report::values(line, report::columns[0]));
    if (top1.count == 0) continue;
    if (!line.epochs || !line.cost) {
      if (line.judged_by == t.judged_by) chart.levels.push_back({line.title, top1.mean});
      continue;
    }
    if (chart.curves.empty() || chart.curves.back().name != line.title) {
      const int color = static_cast<int>(chart.curves.size());
      chart.curves.push_back({.name = line.title, .points = {}, .color = color, .dots = true});
    }
    chart.curves.back().points.push_back(
        {static_cast<double>(*line.epochs) * *line.cost, top1.mean});
  }
  return chart;
}

}  // namespace triptych::app
