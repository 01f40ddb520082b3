// The command `embed`: features, labels and file names of a data set, and which of its images are
// nearest to each other.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <triptych/core/printable.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/eval/knn.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/npy.hpp>
#include <triptych/io/safetensors.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/csv_cell.hpp"
#include "triptych/commands/encoder_file.hpp"
#include "triptych/console.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

/// "features.npy", "-labels.npy" -> "features-labels.npy", in the same directory.
fs::path beside(const fs::path& out, const std::string& ending) {
  return out.parent_path() / (out.stem().string() + ending);
}

choice::features_format format_of(const embed_options& o) {
  using format = choice::features_format;
  if (o.format != format::automatic) return o.format;
  const auto ending = fs::path(o.out).extension();
  return ending == ".npy" ? format::npy : ending == ".csv" ? format::csv : format::safetensors;
}

/// What lies beside --out is replaced where --out was written before, and is somebody else's where it
/// was not. Throws error::usage for that.
void refuse_others_files(const embed_options& o) {
  if (io::is_there(o.out)) return;
  std::vector<const char*> endings;
  if (format_of(o) == choice::features_format::npy) endings = {"-labels.npy", "-files.json"};
  if (o.neighbors > 0) endings.push_back("-neighbors.csv");
  for (const char* ending : endings) {
    const fs::path file = beside(o.out, ending);
    if (!io::is_there(file)) continue;
    throw error::usage("out: beside '" + o.out + "' from " + o.from.of("out") + " " +
                       file.string() +
                       " is there already, which embed would replace; choose "
                       "another --out, or move that file");
  }
}

/// The name of image i and a comma; nothing where images have none.
std::string file_cell(const data::image_set& set, std::size_t i) {
  return set.files.empty() ? "" : csv_cell(set.files[i]) + ",";
}

/// The names of all images as a JSON list; empty where images have none.
std::string files_json(const data::image_set& set, std::int64_t rows) {
  if (set.files.empty()) return {};
  std::string text;
  for (std::size_t i = 0; i < static_cast<std::size_t>(rows); ++i) {
    text += (i == 0 ? "[" : ", ") + io::json_string(set.files[i]);
  }
  return text + "]";
}

void save_csv(const fs::path& out, const eval::feature_set& f, const data::image_set& set) {
  io::replace_file_with(out, [&](const io::descriptor& fd, const fs::path& to) {
    std::string text = set.files.empty() ? "label" : "file,label";
    for (int d = 0; d < f.dim; ++d) text += "," + std::to_string(d);
    text += "\n";
    for (std::int64_t i = 0; i < f.size; ++i) {
      const auto at = static_cast<std::size_t>(i);
      text += file_cell(set, at) + std::to_string(f.labels[at]);
      for (int d = 0; d < f.dim; ++d) text += "," + io::number_text(f.row(i)[d]);
      text += "\n";
      constexpr std::size_t enough = 1 << 20;
      if (text.size() < enough && i + 1 < f.size) continue;
      io::write_all(fd, text, to);
      text.clear();
    }
  });
}

/// A line for each image and each of the `k` others that are nearest to it.
std::string neighbors_csv(const eval::feature_set& f, const data::image_set& set, int k,
                          thread_pool& pool, progress& bar) {
  // One more than asked for, because each is its own nearest.
  const auto found =
      eval::nearest_neighbors(f, f, k + 1, pool, [&](std::int64_t done, std::int64_t all) {
        if (bar.due()) bar.update("neighbors  " + std::to_string(100 * done / all) + " %");
      });
  const char* file = set.files.empty() ? "" : "file,";
  std::string text = std::string("image,") + file + "label,rank,neighbor," +
                     (set.files.empty() ? "" : "neighbor file,") + "neighbor label,similarity\n";
  for (std::size_t i = 0; i < found.size(); ++i) {
    int rank = 0;
    for (const auto& n : found[i]) {
      const auto other = static_cast<std::size_t>(n.index);
      if (other == i || rank == k) continue;
      text += std::to_string(i) + "," + file_cell(set, i) + std::to_string(f.labels[i]) + "," +
              std::to_string(++rank) + "," + std::to_string(other) + "," + file_cell(set, other) +
              std::to_string(f.labels[other]) + "," + io::number_text(n.similarity) + "\n";
    }
  }
  return text;
}

}  // namespace

int embed(const embed_options& asked) {
  refuse_others_files(asked);
  frozen_run subject(asked);
  const embed_options& options = subject.options;
  const data::image_set& set =
      options.split == choice::split::train ? subject.images.train : subject.images.test;
  progress bar(options.quiet);
  for (const auto& one : subject.notices) bar.note(one);
  if (set.labeled() < set.size()) {
    bar.note(std::to_string(set.size() - set.labeled()) + " images without a label are left out");
  }
  if (set.size() == 0) {
    throw no_test_images(set, "give --split train for the features of the training images");
  }
  bar.update("encoding " + std::to_string(set.labeled()) + " images");
  const auto features = eval::encode(subject.encoder, set, view_size(subject.source.options),
                                     subject.pool, options.batch);
  bar.clear();

  using format = choice::features_format;
  const format written = format_of(options);
  const fs::path out = options.out;
  const auto rows = features.size;
  if (written == format::safetensors) {
    io::metadata_map about{{"checkpoint", subject.source.path.string()},
                           {"data", set.name},
                           {"split", options.split == choice::split::train ? "train" : "test"}};
    if (!set.files.empty()) about.emplace("files", files_json(set, rows));
    io::save_safetensors(out,
                         {io::tensor_of<float>("features", {rows, features.dim}, features.values),
                          io::tensor_of<std::int32_t>("labels", {rows}, features.labels)},
                         about);
  } else if (written == format::npy) {
    io::save_npy(out, {rows, features.dim}, features.values);
    io::save_npy(beside(out, "-labels.npy"), {rows}, features.labels);
    if (!set.files.empty()) {
      io::replace_file(beside(out, "-files.json"), files_json(set, rows) + "\n");
    }
  } else {
    save_csv(out, features, set);
  }
  std::cout << "wrote " << rows << " x " << features.dim << " features to "
            << printable(options.out) << "\n";
  if (options.neighbors > 0) {
    const auto list = beside(out, "-neighbors.csv");
    const auto text = neighbors_csv(features, set, options.neighbors, subject.pool, bar);
    bar.clear();
    io::replace_file(list, text);
    std::cout << "wrote the neighbors of each to " << printable(list.string()) << "\n";
  }
  return 0;
}

}  // namespace triptych::app
