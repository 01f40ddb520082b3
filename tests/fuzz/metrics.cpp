// A run's numbers after a crash: both files, cut back to a step, and read again.
#include <string>
#include <vector>

#include <triptych/io/file.hpp>
#include <triptych/io/metrics_log.hpp>

#include "fuzz/fuzz.hpp"
#include "triptych/commands/metrics_file.hpp"

using namespace triptych;

FUZZ(input) {
  static const fuzz::directory run;
  constexpr std::int64_t step = 3;
  const auto [json, csv] = fuzz::halves(input);
  run.write("metrics.jsonl", json);
  run.write("metrics.csv", csv);
  const std::vector<std::string> columns{"loss", "knn_top1"};
  const auto read = [&](const char* name) {
    return std::string(io::read_file(run.path() / name).text());
  };
  const bool taken = fuzz::takes({error_kind::checkpoint, error_kind::io}, [&] {
    io::metrics_log(run.path(), columns, step)
        .append(step + 1, std::vector{io::metric("loss", 0.5)});
  });
  if (taken) {
    io::metrics_log(run.path(), columns, step);
    const std::string kept = read("metrics.jsonl"), rows = read("metrics.csv");
    io::metrics_log(run.path(), columns, step);
    fuzz::require(read("metrics.jsonl") == kept && read("metrics.csv") == rows,
                  "what was cut back needs no cut");
  }
  fuzz::takes({error_kind::checkpoint}, [] { static_cast<void>(app::read_metrics(run.path())); });
}
