// What an encoder makes of the images, as pictures.
#include "triptych/report/pictures.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <numeric>
#include <string>
#include <utility>

#include <triptych/data/subset.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/eval/knn.hpp>
#include <triptych/eval/pca.hpp>
#include <triptych/eval/tsne.hpp>

#include "triptych/commands/encoder_file.hpp"
#include "triptych/commands/feature_cache.hpp"
#include "triptych/failure.hpp"
#include "triptych/options/memory_advice.hpp"
#include "triptych/report/class_names.hpp"
#include "triptych/report/confusion_chart.hpp"
#include "triptych/report/embedding_map.hpp"
#include "triptych/report/gallery.hpp"
#include "triptych/report/html_text.hpp"
#include "triptych/report/patch_map.hpp"
#include "triptych/report/picture.hpp"

namespace triptych::app {

namespace {

constexpr std::int64_t most_encoded = 10'000;  ///< images of a part, where no features are kept
constexpr int largest_thumbnail = 48;

/// `count` of `size` numbers from 0 on, evenly spaced.
std::vector<std::int64_t> spaced(std::int64_t size, std::int64_t count) {
  std::vector<std::int64_t> list(static_cast<std::size_t>(std::min(size, count)));
  for (std::size_t i = 0; i < list.size(); ++i) {
    list[i] = static_cast<std::int64_t>(i) * size / static_cast<std::int64_t>(list.size());
  }
  return list;
}

/// Features of some images of a part, and which images these are.
struct encoded_part {
  eval::feature_set features;
  std::vector<std::int64_t> images;
};

using subject_run = frozen_run<report_options>;

/// Those that an evaluation has kept; else of at most 10,000 images, computed.
encoded_part encoded(subject_run& subject, const reported_run& run, bool of_test, progress& bar) {
  const auto& set = of_test ? subject.images.test : subject.images.train;
  const std::int64_t labeled = set.labeled();
  const int dim = subject.encoder.architecture().encoder.out();
  if (auto kept = feature_cache::kept(run.path / "eval" / "features",
                                      of_test ? "trained-test" : "trained-train",
                                      subject.identity(), set, dim)) {
    return {std::move(*kept), spaced(labeled, labeled)};
  }
  auto images = spaced(labeled, most_encoded);
  bar.note("encoding " + std::to_string(images.size()) + (of_test ? " test" : " training") +
           " images");
  const auto part = data::subset(set, images);
  return {eval::encode(subject.encoder, part, view_size(subject.source.options), subject.pool,
                       subject.options.batch),
          std::move(images)};
}

/// Rows of length 1: angles decide, as they do for kNN.
std::vector<float> unit_values(const eval::feature_set& set) {
  std::vector<float> values = set.values;
  for (std::int64_t i = 0; i < set.size; ++i) {
    double square = 0;
    for (int d = 0; d < set.dim; ++d) square += double(set.row(i)[d]) * double(set.row(i)[d]);
    const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
    for (int d = 0; d < set.dim; ++d) {
      values[static_cast<std::size_t>(i * set.dim + d)] *= static_cast<float>(scale);
    }
  }
  return values;
}

std::string map_content(subject_run& subject, const encoded_part& test,
                        const std::vector<std::string>& class_names, progress& bar) {
  const auto rows = spaced(test.features.size, subject.options.map);
  std::vector<std::int64_t> images;
  for (const auto row : rows) images.push_back(test.images[static_cast<std::size_t>(row)]);
  const auto chosen = eval::chosen_rows(test.features, rows);
  const auto values = unit_values(chosen);
  bar.note("placing " + std::to_string(chosen.size) + " images in the map");
  const auto components = eval::pca(values, chosen.size, chosen.dim, 2);
  const auto placed = eval::tsne(
      values, chosen.size, chosen.dim, {}, subject.pool,
      [&](int done, int all) {
        if (bar.due()) bar.update("t-SNE  " + std::to_string(100 * done / all) + " %");
      },
      components.scores);
  const auto& shares = components.variance_shares;
  const int thumbnail = std::min(view_size(subject.source.options), chosen.size > 1500 ? 20 : 32);
  return html::paragraph(std::to_string(chosen.size) +
                             " test images by the angles between their features. Labels decide the "
                             "colors, not the places.",
                         "note") +
         map_legend(class_names) + "<div class=\"charts\">" +
         map_figure("t-SNE",
                    "Neighbors stay neighbors; sizes of clusters and distances between them mean "
                    "little.",
                    {placed, chosen.labels}, class_names) +
         map_figure("Principal components",
                    "The two directions of most variance: " + fixed(100 * shares[0], 0) +
                        " % and " + fixed(100 * shares[1], 0) + " % of it.",
                    {components.scores, chosen.labels}, class_names) +
         "</div>\n" + image_sprite(subject.images.test, images, thumbnail);
}

std::string patch_content(subject_run& subject, const std::vector<std::int64_t>& examples,
                          int size) {
  const auto& o = subject.source.options;
  constexpr std::int64_t most = 36;  // columns that can be read
  if (subset_count(o.grid, o.combine_k, most) > most) return {};
  const auto saved = io::load_checkpoint(subject.source.path);
  const auto found =
      similarities_of(saved, o, subject.images.test, examples, subject.backend, subject.pool);
  return html::paragraph("Cosine similarity of the filled patches together to the whole image, the "
                         "two sides of the loss, of the image as it is. Framed: the patches that "
                         "say most about the image.",
                         "note") +
         patch_figure(found, subject.images.test, size);
}

/// The sections in their order; those that look through the encoder need the features.
void add_pictures(subject_run& subject, const reported_run& run, progress& bar,
                  picture_sections& made) {
  const auto& o = subject.source.options;
  const auto names = class_names_of(subject.data.identity);
  const auto& images = subject.images;
  for (const auto& one : subject.notices) bar.note(one);
  add_picture(made, "views", "What it learns from", [&] {
    std::string notices;
    for (const auto& one : subject.changes) {
      notices += html::paragraph("Not as in training: " + one);
    }
    return notices +
           html::paragraph("Training images and the views that training makes of them.", "note") +
           contact_sheet(images.train, o, compares_patches(o));
  });
  if (images.test.labeled() == 0 || images.train.labeled() == 0) {
    add_picture(made, "neighbors", "Nearest neighbors", [] {
      return html::paragraph("The data set has no test images with a label, so neighbors and map "
                             "are left out.");
    });
    return;
  }
  encoded_part train, test;
  std::vector<std::int64_t> shown;
  const int size = std::min(view_size(o), largest_thumbnail);
  const bool seen = add_picture(made, "neighbors", "Nearest neighbors", [&] {
    train = encoded(subject, run, false, bar);
    test = encoded(subject, run, true, bar);
    constexpr std::size_t dozen = 12, mapped = 8;
    constexpr int nearest = 8;
    const auto examples = example_images(test.features.labels, test.features.classes, dozen);
    const auto found = eval::nearest_neighbors(
        train.features, eval::chosen_rows(test.features, examples), nearest, subject.pool);
    std::vector<neighbor_row> rows;
    for (std::size_t i = 0; i < examples.size(); ++i) {
      auto& one = rows.emplace_back();
      one.image = test.images[static_cast<std::size_t>(examples[i])];
      if (shown.size() < mapped) shown.push_back(one.image);
      for (const auto& neighbor : found[i]) {
        one.nearest.push_back(train.images[static_cast<std::size_t>(neighbor.index)]);
      }
    }
    return html::paragraph("Test images, the first of each class, and the nearest of " +
                               std::to_string(train.features.size) +
                               " training images; those of another class are marked with a cross.",
                           "note") +
           neighbor_gallery(images, rows, names, size);
  });
  if (!seen) return;
  if (subject.options.map > 0) {
    add_picture(made, "map", "Map of the test images",
                [&] { return map_content(subject, test, names, bar); });
  }
  if (!run.confusion) {
    add_picture(made, "confusion", "Classes", [&] {
      bar.note("judging by nearest neighbors");
      made.confusion =
          table_of(eval::knn(train.features, test.features, {}, subject.pool), names,
                   "kNN, for this page, with " + std::to_string(train.features.size) +
                       " training and " + std::to_string(test.features.size) + " test images");
      return std::string();
    });
  }
  if (compares_patches(o)) {
    add_picture(made, "patches", "Patches and the whole",
                [&] { return patch_content(subject, shown, size); });
  }
}

}  // namespace

bool add_picture(picture_sections& all, const std::string& id, const std::string& title,
                 const std::function<std::string()>& make) {
  try {
    auto content = make();
    if (!content.empty()) all.sections.push_back({id, title, std::move(content)});
    return true;
  } catch (const std::exception& failure) {
    const auto said = as_error(failure, less_memory(report_options{}));
    all.sections.push_back(
        {id, title, html::paragraph("Not here, for this reason: " + std::string(said.what()))});
    if (!all.failure) all.failure = said;
    return false;
  }
}

picture_sections pictures_of(const reported_run& run, const report_options& asked, progress& bar) {
  if (!makes_png()) {
    return {{{"pictures", "Pictures",
              html::paragraph("This program was built without libpng, so there are none.")}},
            {},
            {}};
  }
  auto options = asked;
  options.run = run.path.string();
  picture_sections made;
  try {
    subject_run subject(options);
    add_pictures(subject, run, bar, made);
    bar.clear();
  } catch (const std::exception& failure) {
    const auto said = as_error(failure, less_memory(asked));
    std::string text = "There are none, for this reason: " + std::string(said.what()) + ".";
    if (said.kind() == error_kind::data) {
      text += " Images that lie elsewhere are given by: triptych report " + shell_word(run.name) +
              " --data-dir DIR";
    }
    made.sections = {{"pictures", "Pictures", html::paragraph(text)}};
    made.confusion.reset();
    made.failure = said;
  }
  return made;
}

}  // namespace triptych::app
