// The text and the tables of a report.
#include "triptych/report/run_sections.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <utility>

#include <triptych/core/first_few.hpp>

#include "triptych/console.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/options/declared.hpp"
#include "triptych/report/axis.hpp"
#include "triptych/report/curves.hpp"
#include "triptych/report/html_text.hpp"
#include "triptych/report/verdict.hpp"

namespace triptych::app {

namespace {

using html::number_cell, html::text_cell;
using table_rows = std::vector<std::vector<html::cell>>;

std::string verdict_box(const reported_run& run, bool named) {
  const auto v = verdict_of(run);
  const char* style = v.learned == answer::yes ? "yes" : v.learned == answer::no ? "no" : "open";
  std::string text = std::string("<div class=\"verdict ") + style + "\">";
  if (named) text += "<p class=\"soft\">" + html::escaped(run.name) + "</p>";
  text += "<h2>Did it learn? " + html::escaped(v.short_answer) + "</h2>\n" +
          html::paragraph(joined(
              v.sentences, [](const auto& one) { return one; }, " "));
  return text + html::paragraph(state_of(run), "soft") + "</div>\n";
}

/// "MNCL on cifar10, 3 epochs, seed 0"
std::string subject_of(const reported_run& run) {
  return run.options.method + " on " + run.options.data + ", width " +
         std::to_string(run.options.encoder.width) + ", " + std::to_string(run.options.epochs) +
         " epochs, seed " + std::to_string(run.options.seed);
}

using facts = std::vector<std::pair<std::string, std::string>>;

facts image_facts(const reported_run& run) {
  if (!run.images) return {{"images", run.options.data + " (there is no data.json)"}};
  const auto& images = *run.images;
  const auto part = [](const train::data_identity::part& p) {
    return std::to_string(p.images) + (p.xxh64.empty() ? "" : ", xxh64 " + p.xxh64);
  };
  facts list{{"images", images.name + ", " + std::to_string(images.classes) + " classes"},
             {"training images", part(images.train)},
             {"test images", part(images.test)}};
  if (!images.class_names.empty()) {
    constexpr std::size_t most = 20;
    list.emplace_back("class names",
                      first_few(images.class_names, most, [](const auto& name) { return name; }));
  }
  if (!run.skipped.empty()) {
    list.emplace_back("skipped files", joined(run.skipped, [](const auto& one) {
                        return std::to_string(one.second) + " " + one.first;
                      }));
  }
  return list;
}

/// Program and machine, without the directory, which says nothing on another machine.
facts machine_facts(const reported_run& run) {
  facts list;
  for (const auto& [name, value] : run.environment) {
    if (name != "directory") list.emplace_back(name, value);
  }
  return list;
}

std::string facts_table(const facts& list) {
  table_rows rows;
  for (const auto& [name, value] : list) rows.push_back({text_cell(name), text_cell(value)});
  return html::table({"", ""}, rows);
}

/// The options that are not the default, each with it.
std::string options_table(const reported_run& run) {
  table_rows rows;
  const train_options usual;
  for (const auto& s : train_settings()) {
    if (s.use != role::result) continue;
    const auto value = s.value.write(run.options);
    auto usual_here = usual;
    usual_here.method = run.options.method;
    usual_here.optimizer = run.options.optimizer;
    const auto otherwise = s.value.write(usual_here);
    if (value == s.value.write(usual) || (value == otherwise && s.name != "method")) continue;
    rows.push_back({text_cell(s.name), text_cell(value), text_cell(s.value.write(usual))});
  }
  if (rows.empty()) return html::paragraph("All options are the defaults.");
  return html::table({"option", "value", "default"}, rows);
}

std::string interval_text(const judgment& r) {
  if (!r.top1_interval) return "-";
  return fixed(r.top1_interval->low, 1) + " to " + fixed(r.top1_interval->high, 1);
}

std::string accuracy_table(const reported_run& run) {
  table_rows rows;
  for (const auto& r : run.judged->results) {
    const auto& per_class = r.accuracy.mean_per_class;
    rows.push_back({text_cell(r.features), text_cell(r.protocol),
                    number_cell(fixed(r.accuracy.top1, 2)), number_cell(interval_text(r)),
                    number_cell(per_class ? fixed(*per_class, 2) : "-"),
                    number_cell(fixed(r.accuracy.top5, 2)), text_cell(r.note)});
  }
  return html::table({"features", "protocol", "top-1 %", "95 %", "per class %", "top-5 %", "note"},
                     rows) +
         html::paragraph("On " + std::to_string(run.judged->test_images) + " test images of " +
                             run.judged->data + ", judged by " +
                             std::to_string(run.judged->train_images) + " training images.",
                         "note");
}

/// A row for each kind of accuracy, a column for each run.
std::string compared_accuracies(const std::vector<reported_run>& runs) {
  std::vector<std::string> header{"accuracy, top-1 %"};
  std::vector<std::string> kinds{"kNN while training, last", "kNN while training, best"};
  std::vector<std::map<std::string, std::string>> values;
  for (const auto& run : runs) {
    header.push_back(run.name);
    auto& own = values.emplace_back();
    const auto knn = run.numbers("knn_top1");
    if (!knn.empty()) {
      double best = 0;
      for (const auto& n : knn) best = std::max(best, *n.value);
      own[kinds[0]] = fixed(*knn.back().value, 2);
      own[kinds[1]] = fixed(best, 2);
    }
    if (!run.judged) continue;
    for (const auto& r : run.judged->results) {
      const auto kind =
          r.features + ", " + r.protocol +
          (r.label_fraction ? ", " + short_number(100 * *r.label_fraction) + " % of the labels"
                            : "");
      if (std::find(kinds.begin(), kinds.end(), kind) == kinds.end()) kinds.push_back(kind);
      own[kind] = fixed(r.accuracy.top1, 2) +
                  (r.top1_interval ? " (" + interval_text(r) + ")" : std::string());
    }
  }
  table_rows rows;
  for (const auto& kind : kinds) {
    std::vector<html::cell> row{text_cell(kind)};
    bool any = false;
    for (const auto& own : values) {
      const auto found = own.find(kind);
      any = any || found != own.end();
      row.push_back(number_cell(found == own.end() ? "-" : found->second));
    }
    if (any) rows.push_back(std::move(row));
  }
  return rows.empty() ? std::string() : html::table(header, rows);
}

}  // namespace

std::string heading_of(const std::vector<reported_run>& runs) {
  const bool several = runs.size() > 1;
  std::string text =
      "<h1>" +
      html::escaped(several ? "Comparison of " + std::to_string(runs.size()) + " runs"
                            : runs.front().name) +
      "</h1>\n";
  if (!several) text += html::paragraph(subject_of(runs.front()), "soft");
  for (const auto& run : runs) text += verdict_box(run, several);
  return text;
}

html::section differences_section(const std::vector<reported_run>& runs) {
  table_rows rows;
  std::vector<std::string> header{""};
  for (const auto& run : runs) header.push_back(run.name);
  const auto add = [&](const std::string& name, const auto& value_of) {
    std::vector<html::cell> row{text_cell(name)};
    bool differs = false;
    const std::string first = value_of(runs.front());
    for (const auto& run : runs) {
      const std::string value = value_of(run);
      differs = differs || value != first;
      row.push_back(text_cell(value.empty() ? "-" : value));
    }
    if (differs) rows.push_back(std::move(row));
  };
  for (const auto& s : train_settings()) {
    if (s.use != role::result) continue;
    add(s.name, [&](const reported_run& run) { return s.value.write(run.options); });
  }
  for (const auto facts_of : {image_facts, machine_facts}) {
    for (const auto& fact : facts_of(runs.front())) {
      add(fact.first, [&](const reported_run& run) {
        for (const auto& [name, value] : facts_of(run)) {
          if (name == fact.first) return value;
        }
        return std::string();
      });
    }
  }
  return {"differences", "What differs",
          rows.empty() ? html::paragraph("Nothing that is recorded: options, images, program and "
                                         "machine are the same.")
                       : html::table(header, rows)};
}

html::section accuracy_section(const std::vector<reported_run>& runs) {
  html::section s{"evaluation", "Evaluation", ""};
  if (runs.size() > 1) {
    s.content = compared_accuracies(runs);
  } else if (runs.front().judged) {
    s.content = accuracy_table(runs.front());
  }
  return s;
}

html::section facts_section(const std::vector<reported_run>& runs) {
  html::section s{"run", "What was run", ""};
  for (const auto& run : runs) {
    if (runs.size() > 1) s.content += "<h3>" + html::escaped(run.name) + "</h3>\n";
    s.content += html::paragraph("The command that repeats it, to the same bits with the same "
                                 "program and images:") +
                 "<pre>triptych train --config " +
                 html::escaped(shell_word((run.path / "config.toml").string())) +
                 " --out runs/again</pre>\n" + facts_table(image_facts(run)) +
                 facts_table(machine_facts(run)) + options_table(run) +
                 html::folded("config.toml, every option",
                              "<pre>" + html::escaped_lines(run.config) + "</pre>\n");
  }
  return s;
}

std::vector<html::section> curve_sections(const std::vector<reported_run>& runs) {
  std::vector<html::section> sections;
  for (const auto& group : chart_groups(runs)) {
    std::string charts;
    for (const auto& chart : group.charts) charts += figure_of(chart);
    sections.push_back({group.id, group.title, "<div class=\"charts\">" + charts + "</div>\n"});
  }
  return sections;
}

}  // namespace triptych::app
