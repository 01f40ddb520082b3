// `triptych data`: which data sets there are, whether one is complete, and what its images and
// their views look like.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/augment/pipeline.hpp>
#include <triptych/augment/recipe.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/json_text.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/images.hpp"
#include "triptych/console.hpp"
#include "triptych/report/picture.hpp"

namespace triptych::app {

namespace {

namespace fs = std::filesystem;

// ---------------------------------------------------------------------------------------------
// list

int list(const data_options& options) {
  namespace data = triptych::data;
  const auto number = [](auto n) { return n > 0 ? std::to_string(n) : std::string("any"); };
  table sets({"name", "classes", "pixels", "images", "where"}, false);
  for (const auto& set : data::data_sets) {
    std::string where = "not found";
    switch (set.place) {
    case data::place::nowhere:
      where = "made from --seed";
      break;
    case data::place::given:
      where = "--data-dir, train/<class>/ and test/<class>/";
      break;
    case data::place::usual:
      try {
        where = data::locate(std::string(set.name), options.data_dir).string();
      } catch (const error&) {  // stays "not found"; verify says where it looked
      }
    }
    sets.add({std::string(set.name), number(set.classes), number(set.side),
              set.train > 0 ? number(set.train) + " + " + number(set.test) : "any", where});
  }
  std::cout << sets;
  return 0;
}

// -------------------------------------------------------------------------------------------
// verify

/// "32x32", or the least and the most where sizes differ.
std::string sizes(const triptych::data::image_set& set) {
  const auto text = [](int height, int width) {
    return std::to_string(height) + "x" + std::to_string(width);
  };
  if (set.size() == 0) return "-";
  if (set.places.empty()) return text(set.height, set.width);
  const auto [least, most] =
      std::minmax_element(set.places.begin(), set.places.end(),
                          [](const auto& a, const auto& b) { return a.bytes() < b.bytes(); });
  return text(least->height, least->width) + " to " + text(most->height, most->width);
}

void describe(table& out, const char* part, const triptych::data::image_set& set,
              const std::string& checksum) {
  std::vector<std::int64_t> per_class(static_cast<std::size_t>(set.classes));
  const auto labels = std::span(set.labels).first(static_cast<std::size_t>(set.labeled()));
  for (const auto label : labels) ++per_class[static_cast<std::size_t>(label)];
  const auto [least, most] = std::minmax_element(per_class.begin(), per_class.end());
  out.add({part, std::to_string(set.size()), std::to_string(set.classes),
           std::to_string(*least) + " to " + std::to_string(*most), sizes(set), checksum});
}

int verify(const data_options& options) {
  const auto data = load_images(options, options, options.threads);
  const auto& sets = data.images;
  table parts({"part", "images", "classes", "per class", "pixels", "xxh64"}, false);
  describe(parts, "train", sets.train, data.identity.train.xxh64);
  describe(parts, "test", sets.test, data.identity.test.xxh64);
  std::cout << parts;
  const std::int64_t unlabeled = sets.train.size() - sets.train.labeled();
  if (unlabeled > 0) std::cout << unlabeled << " training images, the last, have no label\n";
  const auto& [mean, deviation] = data.identity.constants;
  std::cout << "mean " << io::number_text(mean[0]) << ' ' << io::number_text(mean[1]) << ' '
            << io::number_text(mean[2]) << ", deviation " << io::number_text(deviation[0]) << ' '
            << io::number_text(deviation[1]) << ' ' << io::number_text(deviation[2]) << ", "
            << whereabouts(sets) << '\n';
  for (const auto& one : account_lines(sets.skipped, std::numeric_limits<std::size_t>::max())) {
    std::cout << "skipped  " << printable(one) << '\n';
  }
  return 0;
}

// ---------------------------------------------------------------------------------------------
// show

/// A row per image: the image itself, then its views.
int show(const data_options& options) {
  const std::string usual = makes_png() ? ".png" : ".ppm";
  const fs::path out = options.out.empty() ? options.data + usual : options.out;
  if (out.extension() != ".png" && out.extension() != ".ppm") {
    throw error::usage("out: '" + out.string() + "' from " + options.from.of("out") +
                       " ends in neither .png nor .ppm; give e.g. --out sheet" + usual);
  }
  thread_pool pool(options.threads);
  const auto sets = triptych::data::load(data_source(options, options), &pool);
  const auto& set = options.split == choice::split::train ? sets.train : sets.test;
  if (set.size() == 0) throw no_test_images(set, "give --split train");

  const int own = std::min(set.height, set.width);
  const int size = options.image_size > 0 ? options.image_size : own > 0 ? own : 96;
  const int zoom = std::max(1, 96 / size), gap = 4, cell = size * zoom + gap;
  const int rows = static_cast<int>(std::min<std::int64_t>(options.count, set.size()));
  picture sheet(rows * cell + gap, (1 + options.views) * cell + gap);

  constexpr augment::normalization none{{0, 0, 0}, {1, 1, 1}};
  augment::workspace work;
  std::vector<std::uint8_t> memory;
  std::vector<float> view(static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3);
  for (int i = 0; i < rows; ++i) {
    for (int v = 0; v <= options.views; ++v) {
      const auto recipe =
          v == 0 ? augment::recipes::plain : augment::preset(options.augment, v - 1);
      augment::apply(recipe, none, set.image(i, memory), {options.seed, 0, i, std::max(0, v - 1)},
                     size, size, work, view.data());
      lay(view, size, zoom, sheet, gap + i * cell, gap + v * cell);
    }
  }
  io::replace_file(out, out.extension() == ".png" ? png_of(sheet) : ppm_of(sheet));
  std::cout << printable(out.string()) << ": " << rows << " images of " << set.name
            << ", each followed by " << options.views << " views by the recipe " << options.augment
            << '\n';
  return 0;
}

}  // namespace

int data(const data_options& options) {
  switch (options.action) {
  case choice::data_action::list:
    return list(options);
  case choice::data_action::verify:
    return verify(options);
  case choice::data_action::show:
    return show(options);
  }
  return 0;
}

}  // namespace triptych::app
