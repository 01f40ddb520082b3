// apps/triptych/report/verdict.hpp
//
// The two questions that a reader asks first: how far did the run get, and did it learn? Answered
// from numbers alone, which the sentences name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "triptych/report/reported_run.hpp"

namespace triptych::app {

enum class answer { yes, no, open };

struct verdict {
  answer learned = answer::open;
  std::string short_answer;            ///< "Yes: ..."
  std::vector<std::string> sentences;  ///< the numbers behind it
};

/// "Finished: 780 steps in 20 epochs, in 12 min 05 s." Resumptions are named.
std::string state_of(const reported_run& run);

verdict verdict_of(const reported_run& run);

/// The spread of the projections as it was logged, as a share of that of directions which fill the
/// sphere evenly: 1 is healthy, 0 is one point for all images.
std::vector<logged_number> health_of(const reported_run& run);

/// Where the spread is lost at the last step that was logged, by the rule by which training warns:
/// below half of the widest, or a tenth of the healthy one.
bool has_collapsed(const reported_run& run);

}  // namespace triptych::app
