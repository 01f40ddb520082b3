// What each command says of itself and of its options.
#include "triptych/options/declared.hpp"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "triptych/options/command_line.hpp"
#include "triptych/options/settings.hpp"

namespace triptych::app {

namespace {

template <class Options>
std::vector<option_text> option_texts(const settings<Options>& table) {
  std::vector<option_text> texts;
  for (const auto& s : table) {
    auto help = s.help;
    const auto initial = s.value.write(Options{});
    if ((s.value.shape == form::value) && !initial.empty()) help += " [" + initial + "]";
    texts.push_back({s.name, s.group, s.value.hint, help, s.value.shape});
  }
  return texts;
}

template <class Options>
command_text described(const settings<Options>& table, std::string name, std::string summary,
                       std::string more) {
  return {std::move(name), std::move(summary), std::move(more), option_texts(table)};
}

/// A command that makes tables; without the options named in `others`.
command_text described_table(std::string name, std::string summary, const std::string& example,
                             std::initializer_list<std::string_view> others) {
  auto text =
      described(reproduce_settings(), std::move(name), std::move(summary),
                "The options of train hold for every cell, save those that the table varies.\n"
                "The same command goes on where it was interrupted; finished cells are skipped.\n"
                "Example:\n  triptych " +
                    example);
  for (auto& option : option_texts(shared_settings())) text.options.push_back(std::move(option));
  std::erase_if(text.options, [&](const option_text& option) {
    return std::find(others.begin(), others.end(), option.name) != others.end();
  });
  return text;
}

}  // namespace

const std::vector<command_text>& command_texts() {
  static const std::vector<command_text> all{
      described(
          train_settings(), "train", "Train an encoder without labels.",
          "A value may be a flag, TRIPTYCH_<NAME> in the environment, or a line of\n"
          "--config's file: the first of these counts, then --variant, then --recipe,\n"
          "then the default.\n"
          "Example:\n  triptych train --data procedural --width 16 --epochs 6 --out runs/first"),
      described(eval_settings(), "eval", "Measure how good a trained encoder's features are.",
                "Example:\n  triptych eval runs/first --protocol logistic,knn"),
      described(embed_settings(), "embed", "Write features of images, labels and file names.",
                "Example:\n  triptych embed runs/first --split test --out features.safetensors"),
      described(export_settings(), "export", "Write a trained encoder for other programs.",
                "Example:\n  triptych export runs/first --format onnx --out encoder.onnx"),
      described(inspect_settings(), "inspect", "Print what a file or a run holds, and check it.",
                "Example:\n  triptych inspect runs/first"),
      described(runs_settings(), "runs", "List runs: state, loss, accuracy and size.",
                "Example:\n  triptych runs runs"),
      described(compare_settings(), "compare", "Compare runs, seed by seed where they share them.",
                "Example:\n  triptych compare runs/a-seed1 runs/a-seed2 runs/b-seed1 runs/b-seed2"),
      described(report_settings(), "report", "Make a page of curves and pictures of runs.",
                "One HTML file that needs nothing else.\n"
                "Example:\n  triptych report runs/first --out report.html"),
      described(data_settings(), "data", "List, verify and show data sets.",
                "Example:\n  triptych data show procedural --out sheet.png"),
      described_table("reproduce", "Train and evaluate all that a table compares.",
                      "reproduce table2 --data procedural --width 8 --epochs 4 --seeds 1",
                      {"vary", "method"}),
      described_table("sweep", "Train and evaluate all combinations of some options.",
                      "sweep lr=0.03,0.1 lambda=2,6 --data procedural --width 8 --epochs 4",
                      {"table", "methods"}),
      described(merge_settings(), "merge", "Make one table of what several machines trained.",
                "Of a cell it keeps what a reader needs, and no checkpoint: a few KiB.\n"
                "Example:\n  triptych merge machine1/out machine2/out --out runs/merged"),
      described(doctor_settings(), "doctor", "Print what this program and this machine have.",
                "What is missing is said, with what to do about it; it is no failure.\n"
                "Example:\n  triptych doctor --data-dir data"),
  };
  return all;
}

}  // namespace triptych::app
