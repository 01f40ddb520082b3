// How similar patches are to the whole.
#include "triptych/report/patch_map.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <utility>

#include <triptych/augment/recipe.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/network/network.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/patches/combinator.hpp>
#include <triptych/update/ema.hpp>

#include "triptych/console.hpp"
#include "triptych/options/make.hpp"
#include "triptych/report/html_text.hpp"
#include "triptych/report/picture.hpp"

namespace triptych::app {

namespace {

using cpu_backend = backend::eigen<>;
template <class Patches>
using frozen_network = network<cpu_backend, update::ema, Patches>;

/// As the checkpoint has them: of a run in f64 they are rounded, as its encoder is for evaluation.
std::vector<float> values_of(const io::safetensors_file& file, const std::string& name) {
  const auto* tensor = file.header().find(name);
  if (tensor == nullptr || tensor->type != io::dtype::f64) return file.values<float>(name);
  const auto wide = file.values<double>(name);
  std::vector<float> values;
  values.reserve(wide.size());
  for (const double x : wide) values.push_back(static_cast<float>(x));
  return values;
}

/// The names of a list's tensors behind `prefix`, as the arena's numbers.
std::vector<float> arena_of(const io::safetensors_file& file, const nn::parameter_list& list,
                            const std::string& prefix) {
  std::vector<float> all(list.size());
  for (const auto& p : list) {
    const auto values = values_of(file, prefix + p.name);
    if (values.size() != p.size()) {
      throw error::checkpoint(file.header().file + ": the tensor " + io::shown(prefix + p.name) +
                              " has " + std::to_string(values.size()) + " numbers, not " +
                              std::to_string(p.size()) + "; take another checkpoint");
    }
    nn::in_torch_order(
        p, [&](std::size_t torch, std::size_t here) { all[p.offset + here] = values[torch]; });
  }
  return all;
}

/// One of the two sides that a loss compares: whose weights it takes, and whose running statistics.
struct side {
  std::string weights, statistics;
  bool predicts;
};

/// The unit outputs (N s, P) of a network for images (N, size, size, 3), row by row.
template <class Patches>
std::vector<float> unit_outputs(const io::safetensors_file& file, const train_options& run,
                                const side& of, const Patches& patches, cpu_backend& backend,
                                const std::vector<float>& images, std::int64_t n, int size) {
  const auto architecture = of.predicts ? layers(run) : layers(run).without_predictor();
  frozen_network<Patches> net(backend, architecture, update::ema{}, patches);
  const auto& names = net.statistic_list();
  const bool own = std::all_of(names.begin(), names.end(), [&](const auto& p) {
    return file.contains(of.statistics + p.name);
  });
  const auto weights = arena_of(file, net.weight_list(), of.weights);
  backend.upload(weights.data(), weights.size(), net.weights());
  const auto statistics = arena_of(file, names, own ? of.statistics : of.weights);
  backend.upload(statistics.data(), statistics.size(), net.statistics());

  const arena_frame scope(backend.arena());
  forward_options options;
  options.mode = nn::mode::evaluate;
  const auto x = eval::uploaded(backend, images, {n, size, size, 3});
  const auto out = net.forward(x, std::array{0}, options).prediction;
  std::vector<float> rows(out.size());
  backend.download(out.data, out.size(), rows.data());
  const auto dim = static_cast<std::size_t>(out.shape.channels);
  for (std::size_t first = 0; first < rows.size(); first += dim) {
    double square = 0;
    for (std::size_t d = 0; d < dim; ++d)
      square += double(rows[first + d]) * double(rows[first + d]);
    const auto scale = static_cast<float>(square > 0 ? 1 / std::sqrt(square) : 0);
    for (std::size_t d = 0; d < dim; ++d) rows[first + d] *= scale;
  }
  return rows;
}

/// The patches of a subset, filled, in a small grid.
std::string glyph(int grid, const std::vector<int>& subset, double left, double top, double cell) {
  std::string svg;
  for (int p = 0; p < grid * grid; ++p) {
    const bool taken = std::find(subset.begin(), subset.end(), p) != subset.end();
    svg += "<rect class=\"" + std::string(taken ? "taken" : "left-out") + "\" x=\"" +
           fixed(left + p % grid * cell, 1) + "\" y=\"" + fixed(top + p / grid * cell, 1) +
           "\" width=\"" + fixed(cell - 1, 1) + "\" height=\"" + fixed(cell - 1, 1) + "\"/>";
  }
  return svg;
}

}  // namespace

std::int64_t subset_count(int grid, int k, std::int64_t most) {
  const int patches = grid * grid, fewer = std::min(k, patches - k);
  std::int64_t count = fewer < 0 ? 0 : 1;
  for (int i = 1; i <= fewer && count <= most; ++i) count = count * (patches - fewer + i) / i;
  return count;
}

bool compares_patches(const train_options& run) {
  return (run.method == "mncl" || run.method == "fast_moco") && run.grid > 1;
}

patch_similarities similarities_of(const io::loaded_checkpoint& saved, const train_options& run,
                                   const data::image_set& set, std::vector<std::int64_t> images,
                                   cpu_backend& backend, thread_pool& pool) {
  const auto& file = saved.file("model");
  const bool momentum = run.method == "fast_moco";
  const side whole =
      momentum ? side{"momentum.", "momentum.", false} : side{"online.", "online.", true};
  const side parts =
      momentum ? side{"online.", "online.", true} : side{"online.", "stop_gradient.", false};

  const patches::grid all(run.grid, {run.combine_k, false});
  std::vector<int> table;
  all.subsets(1, random_stream{0, stream::combine}, table);
  patch_similarities found{std::move(images), run.grid, {}, {}};
  const auto k = static_cast<std::size_t>(all.size()), s = table.size() / k;
  for (std::size_t i = 0; i < s; ++i) {
    const auto first = table.begin() + static_cast<std::ptrdiff_t>(i * k);
    found.subsets.emplace_back(first, first + static_cast<std::ptrdiff_t>(k));
  }

  const int size = view_size(run);
  const auto n = static_cast<std::int64_t>(found.images.size());
  std::vector<float> inputs(static_cast<std::size_t>(n * size * size * 3));
  data::fill(set, found.images, augment::recipes::plain, {}, size, inputs.data(), &pool);
  const auto p = unit_outputs(file, run, whole, patches::whole{}, backend, inputs, n, size);
  const auto c = unit_outputs(file, run, parts, all, backend, inputs, n, size);
  const std::size_t dim = p.size() / static_cast<std::size_t>(n);
  // The combined rows are group-major: subset by subset, each of all images.
  for (std::size_t i = 0; i < static_cast<std::size_t>(n); ++i) {
    auto& row = found.cosines.emplace_back();
    for (std::size_t j = 0; j < s; ++j) {
      const std::size_t at = (j * static_cast<std::size_t>(n) + i) * dim;
      double product = 0;
      for (std::size_t d = 0; d < dim; ++d) product += double(c[at + d]) * double(p[i * dim + d]);
      row.push_back(product);
    }
  }
  return found;
}

std::string patch_figure(const patch_similarities& found, const data::image_set& set, int size) {
  constexpr double left = 48, cell_width = 46, cell_height = 42, head = 40;
  const auto number = [](double x) { return fixed(x, 1); };
  double low = 1, high = -1;
  for (const auto& row : found.cosines) {
    low = std::min(low, *std::min_element(row.begin(), row.end()));
    high = std::max(high, *std::max_element(row.begin(), row.end()));
  }
  const double width = left + cell_width * static_cast<double>(found.subsets.size()) + 2,
               height = head + cell_height * static_cast<double>(found.images.size()) + 2;
  std::string svg = "<svg class=\"matrix\" viewBox=\"0 0 " + number(width) + " " + number(height) +
                    "\" style=\"max-width:" + number(1.5 * width) +
                    "px\" role=\"img\" aria-label=\"Similarity of patches to the whole image\">\n";
  const double cell = 28.0 / found.grid;
  for (std::size_t j = 0; j < found.subsets.size(); ++j) {
    svg += glyph(found.grid, found.subsets[j], left + cell_width * static_cast<double>(j) + 9, 4,
                 cell);
  }
  for (std::size_t i = 0; i < found.images.size(); ++i) {
    const double top = head + cell_height * static_cast<double>(i);
    picture p(size, size);
    lay(plain_view(set, found.images[i], size), size, 1, p, 0, 0);
    svg += "<image x=\"0\" y=\"" + number(top + 1) + "\" width=\"40\" height=\"40\" href=\"" +
           data_uri("image/png", png_of(p)) + "\"/>\n";
    const auto& row = found.cosines[i];
    const auto best = std::max_element(row.begin(), row.end()) - row.begin();
    for (std::size_t j = 0; j < row.size(); ++j) {
      const double part = high > low ? (row[j] - low) / (high - low) : 0;
      const double x = left + cell_width * static_cast<double>(j);
      const bool first = static_cast<std::size_t>(best) == j;
      svg += "<rect class=\"s0" + std::string(first ? " best" : "") + "\" data-cosine=\"" +
             io::number_text(row[j]) + "\" x=\"" + number(x + 1) + "\" y=\"" + number(top + 1) +
             "\" width=\"" + number(cell_width - 2) + "\" height=\"" + number(cell_height - 2) +
             "\" fill-opacity=\"" + fixed(0.06 + 0.94 * part, 2) + "\"/><text class=\"count" +
             (part > 0.7 ? " strong" : "") + "\" x=\"" + number(x + cell_width / 2) + "\" y=\"" +
             number(top + cell_height / 2 + 4) + "\" text-anchor=\"middle\">" + fixed(row[j], 2) +
             "</text>\n";
    }
  }
  return svg + "</svg>\n";
}

}  // namespace triptych::app
