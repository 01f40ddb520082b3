// How far a run got, and whether it learned.
#include "triptych/report/verdict.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "triptych/collapse_rule.hpp"
#include "triptych/console.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/report/axis.hpp"

namespace triptych::app {

namespace {

std::string percent(double share) { return fixed(share, 1) + " %"; }

std::string counted(std::int64_t count, const std::string& one) {
  return std::to_string(count) + " " + one + (count == 1 ? "" : "s");
}

/// " of 20 epochs", where that is known.
std::string progress_text(const reported_run& run) {
  const auto each = run.steps_per_epoch();
  if (each < 1) return counted(run.status.step, "step");
  const double epochs = static_cast<double>(run.status.step) / static_cast<double>(each);
  const bool whole = run.status.step % each == 0;
  return "step " + std::to_string(run.status.step) + " of " + std::to_string(run.total_steps()) +
         ", epoch " + fixed(epochs, whole ? 0 : 1) + " of " + std::to_string(run.options.epochs);
}

std::string resumed_text(const reported_run& run) {
  if (run.resumptions.empty()) return {};
  return " It was resumed " + std::string(run.resumptions.size() == 1 ? "once" : "several times") +
         ", after step " +
         joined(run.resumptions, [](std::int64_t step) { return std::to_string(step); }) + ".";
}

/// What judges a trained encoder beside an untrained one: a line of the evaluation for each.
struct comparison {
  const judgment* trained = nullptr;
  const judgment* untrained = nullptr;
};

comparison compared(const reported_run& run) {
  comparison best;
  if (!run.judged) return best;
  const auto line = [&](const std::string& features, const std::string& protocol) {
    const judgment* found = nullptr;
    for (const auto& r : run.judged->results) {
      if (r.features == features && r.protocol == protocol && !r.label_fraction) found = &r;
    }
    return found;
  };
  for (const char* protocol : {"logistic", "kNN", "linear, last epoch", "finetune"}) {
    const comparison one{line("trained", protocol), line("untrained", protocol)};
    if (one.trained != nullptr && one.untrained != nullptr) return one;
    if (best.trained == nullptr && one.trained != nullptr) best = {one.trained, nullptr};
  }
  return best;
}

std::string loss_sentence(const std::vector<logged_number>& loss) {
  if (loss.empty()) return "No loss was logged.";
  const auto &first = loss.front(), &last = loss.back();
  if (loss.size() == 1) {
    return "The loss was " + short_number(*first.value) + " at step " + std::to_string(first.step) +
           ", the only step that was logged.";
  }
  const double change = *last.value - *first.value;
  const std::string how = change < 0 ? "fell" : change > 0 ? "rose" : "stayed";
  return "The loss " + how + " from " + short_number(*first.value) + " (step " +
         std::to_string(first.step) + ") to " + short_number(*last.value) + " (step " +
         std::to_string(last.step) + ").";
}

std::string knn_sentence(const reported_run& run, const std::vector<logged_number>& knn) {
  const auto &first = knn.front(), &last = knn.back();
  std::string text = "kNN accuracy ";
  if (knn.size() == 1) {
    text += "was " + percent(*last.value) + " at step " + std::to_string(last.step);
  } else {
    text += "went from " + percent(*first.value) + " (step " + std::to_string(first.step) +
            ") to " + percent(*last.value) + " (step " + std::to_string(last.step) + ")";
  }
  if (const auto chance = run.chance()) text += "; chance is " + percent(*chance);
  return text + ".";
}

std::string judged_sentence(const comparison& c) {
  std::string text = "Evaluated by " + c.trained->protocol + ": " +
                     percent(c.trained->accuracy.top1) + " of the test images are right";
  if (const auto& within = c.trained->top1_interval) {
    text += " (95 % interval " + fixed(within->low, 1) + " to " + fixed(within->high, 1) + ")";
  }
  if (c.untrained == nullptr) return text + "; the untrained encoder was not evaluated.";
  return text + ", of the untrained encoder " + percent(c.untrained->accuracy.top1) + ".";
}

/// Whether the accuracy at the end is beyond chance above that of the first measurement: two
/// standard errors of their difference.
answer risen(const reported_run& run, const std::vector<logged_number>& knn) {
  if (knn.size() < 2 || !run.images || run.images->test.images < 1) return answer::open;
  const double before = *knn.front().value / 100, now = *knn.back().value / 100;
  const double error = std::sqrt((before * (1 - before) + now * (1 - now)) /
                                 static_cast<double>(run.images->test.images));
  if (now - before > 2 * error) return answer::yes;
  return before - now > 2 * error ? answer::no : answer::open;
}

/// From the accuracies alone.
void weigh(const reported_run& run, const comparison& c, const std::vector<logged_number>& knn,
           verdict& v) {
  if (c.untrained != nullptr) {
    const double base = c.untrained->accuracy.top1, own = c.trained->accuracy.top1;
    const auto within = c.trained->top1_interval.value_or(eval::interval{own, own});
    if (within.low > base) {
      v = {answer::yes, "Yes: its features are better than the untrained encoder's.", {}};
    } else if (within.high < base) {
      v = {answer::no, "No: its features are worse than the untrained encoder's.", {}};
    } else {
      v = {answer::open,
           "Not clearly: its features are about as good as the untrained encoder's.",
           {}};
    }
    return;
  }
  switch (risen(run, knn)) {
  case answer::yes:
    v = {answer::yes, "Yes: the kNN accuracy rose.", {}};
    return;
  case answer::no:
    v = {answer::no, "No: the kNN accuracy fell.", {}};
    return;
  case answer::open:
    break;
  }
  if (knn.size() > 1) {
    v = {answer::open, "Not clearly: the kNN accuracy hardly changed.", {}};
  } else {
    v = {answer::open, "Not known: nothing was measured that tells.", {}};
  }
}

}  // namespace

std::string state_of(const reported_run& run) {
  const auto done = progress_text(run);
  std::string text;
  if (run.status.state.empty()) {
    text = "It is not known how far this run got: it has no status.json.";
  } else if (run.status.state == "done") {
    text = run.status.reason.empty()
               ? "Finished: " + done + "."
               : "Stopped as asked (" + run.status.reason + "): " + done + ".";
    if (run.status.step == 1)
      text =
          "A single step" + (run.status.reason.empty() ? "" : " (" + run.status.reason + ")") + ".";
  } else if (run.status.state == "interrupted") {
    text = "Interrupted (" + run.status.reason + ") at " + done + "; triptych train --resume " +
           shell_word(run.name) + " goes on.";
  } else if (run.status.state == "failed") {
    text = "Failed at " + done + ": " + run.status.reason;
    if (!text.ends_with('.')) text += ".";
  } else if (run.status.state == "running" && run.status.held) {
    text = "Still training when this page was made: " + done + " was its last checkpoint.";
  } else if (run.status.state == "running") {
    text = "Killed after the checkpoint at " + done + "; triptych train --resume " +
           shell_word(run.name) + " goes on.";
  } else {
    text = "State " + run.status.state + " at " + done + ".";
  }
  const auto wall = run.numbers("wall_s");
  if (!wall.empty()) text += " Training took " + duration_text(*wall.back().value) + ".";
  return text + resumed_text(run);
}

std::vector<logged_number> health_of(const reported_run& run) {
  auto spread = run.numbers("feature_std");
  if (run.options.head.projector.empty()) return {};
  const double root = std::sqrt(static_cast<double>(run.options.head.projector.back()));
  for (auto& n : spread) *n.value *= root;
  return spread;
}

bool has_collapsed(const reported_run& run) {
  collapse_rule rule;
  for (const auto& n : health_of(run)) rule.add(*n.value);
  return rule.collapsed();
}

verdict verdict_of(const reported_run& run) {
  const auto loss = run.numbers("loss"), knn = run.numbers("knn_top1");
  const auto evaluated = compared(run);
  verdict v;
  const auto health = health_of(run);
  if (has_collapsed(run)) {
    v = {answer::no,
         "No: it has collapsed, the projections of all images point about the same way.",
         {}};
  } else if (run.status.state == "failed") {
    weigh(run, evaluated, knn, v);
    if (v.learned == answer::open) v.short_answer = "Not known: training broke off.";
  } else {
    weigh(run, evaluated, knn, v);
    const auto records = run.metrics.begin()->second.size();
    if (records == 1 && v.learned == answer::open) {
      v.short_answer = "Not known: a single step was logged, which says nothing about learning.";
    }
  }
  v.sentences.push_back(loss_sentence(loss));
  if (!knn.empty()) v.sentences.push_back(knn_sentence(run, knn));
  if (evaluated.trained != nullptr) v.sentences.push_back(judged_sentence(evaluated));
  if (!health.empty() && has_collapsed(run)) {
    const auto widest = std::max_element(
        health.begin(), health.end(),
        [](const logged_number& a, const logged_number& b) { return *a.value < *b.value; });
    v.sentences.push_back("The spread of the projections ended at " +
                          fixed(*health.back().value, 3) + " of the healthy one, and had been " +
                          fixed(*widest->value, 3) + " at step " + std::to_string(widest->step) +
                          ".");
  }
  if (evaluated.untrained == nullptr && v.learned != answer::no) {
    v.sentences.push_back("Whether that is better than an untrained encoder is told by: triptych "
                          "eval " +
                          shell_word(run.name));
  }
  return v;
}

}  // namespace triptych::app
