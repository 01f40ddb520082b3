// The command `eval`: how good the features of a trained encoder are, beside the same encoder
// untrained and beside raw pixels, on one data set or on several.
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>

#include "triptych/commands/commands.hpp"

#include "triptych/commands/evaluation.hpp"
#include "triptych/console.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/signals.hpp"

namespace triptych::app {

namespace {

/// One table; with a column for the data set where there are `several`.
void print(const std::vector<evaluation>& all, bool several) {
  std::vector<std::string> titles{"features",    "protocol", "top-1 %", "95 %",
                                  "per class %", "top-5 %",  ""};
  if (several) titles.insert(titles.begin(), "data");
  table t(titles);
  for (const auto& e : all) {
    for (const auto& r : e.results) {
      const auto& within = r.top1_interval;
      const auto& per_class = r.accuracy.mean_per_class;
      std::vector<std::string> row{r.features,
                                   r.protocol,
                                   fixed(r.accuracy.top1, 2),
                                   within ? fixed(within->low, 1) + "-" + fixed(within->high, 1)
                                          : "-",
                                   per_class ? fixed(*per_class, 2) : "-",
                                   fixed(r.accuracy.top5, 2),
                                   r.note};
      if (several) row.insert(row.begin(), e.data);
      t.add(row);
    }
  }
  std::cout << t;
}

}  // namespace

int evaluate(const eval_options& asked) {
  std::vector<evaluation> all;
  std::vector<error> failures;
  for (const auto& name : asked.sets) {
    auto options = asked;
    options.data = name;
    options.several = asked.sets.size() > 1;
    std::optional<evaluation> done;
    try {
      done = judge(options);
    } catch (const error& failure) {  // one set does not keep the others from being judged
      if (!options.several || failure.kind() == error_kind::io) throw;
      failures.push_back(failure);
      progress(asked.quiet).note("warning: " + std::string(in_flags(failure).what()));
      continue;
    }
    if (!done) {
      progress(asked.quiet)
          .note("stopped by a signal; the same command with --resume goes on from here");
      return 128 + signals::stop_requested();
    }
    failures.insert(failures.end(), done->failures.begin(), done->failures.end());
    all.push_back(std::move(*done));
  }
  if (asked.json) {
    if (asked.sets.size() == 1) {
      for (const auto& e : all) std::cout << to_json(e);
    } else {
      std::cout << "[" << joined(all, [](const auto& e) { return to_json(e); }) << "]\n";
    }
  } else if (!all.empty()) {
    print(all, asked.sets.size() > 1);
    std::cout << "\n";
    for (const auto& e : all) {
      std::cout << "written to " << printable((e.run / "eval.json").string()) << "\n";
    }
  }
  if (!failures.empty()) throw failures.front();
  return 0;
}

}  // namespace triptych::app
