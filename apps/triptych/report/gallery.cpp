// Images side by side.
#include "triptych/report/gallery.hpp"

#include <algorithm>
#include <cstddef>

#include <triptych/augment/pipeline.hpp>
#include <triptych/augment/recipe.hpp>

#include "triptych/options/make.hpp"
#include "triptych/report/class_names.hpp"
#include "triptych/report/html_text.hpp"
#include "triptych/report/picture.hpp"

namespace triptych::app {

namespace {

/// A part of a view, (size, size, 3) from (size of the whole, ..., 3).
std::vector<float> part_of_view(const std::vector<float>& whole, int whole_size, int top, int left,
                                int size) {
  std::vector<float> part;
  for (int y = 0; y < size; ++y) {
    const auto from =
        whole.begin() + (static_cast<std::ptrdiff_t>(top + y) * whole_size + left) * 3;
    part.insert(part.end(), from, from + size * 3);
  }
  return part;
}

std::string column(const std::string& title, const std::string& content) {
  return "<div class=\"column\"><p class=\"note\">" + html::escaped(title) + "</p>" + content +
         "</div>\n";
}

}  // namespace

std::string contact_sheet(const data::image_set& set, const train_options& run, bool patches) {
  constexpr std::int64_t shown = 6;
  constexpr augment::normalization none{{0, 0, 0}, {1, 1, 1}};
  const std::int64_t count = std::min(shown, set.size());
  constexpr int largest = 96;  // pixels of a picture
  const int size = view_size(run), small = std::min(size, largest),
            views = traits_of(run.method).views;
  std::vector<std::string> columns(static_cast<std::size_t>(views) + 1);
  std::string cut;
  augment::workspace work;
  std::vector<std::uint8_t> memory;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t sample = i * set.size() / count;
    columns[0] += image_of(plain_view(set, sample, small), small, "the image itself");
    for (int v = 0; v < views; ++v) {
      std::vector<float> view(static_cast<std::size_t>(size) * static_cast<std::size_t>(size) * 3);
      augment::apply(augment::preset(run.augment, v), none, set.image(sample, memory),
                     {run.seed, 0, sample, v}, size, size, work, view.data());
      columns[static_cast<std::size_t>(v) + 1] +=
          image_of(shrunk(view, size, small), small, "view " + std::to_string(v + 1));
      if (!patches || v > 0) continue;
      const int side = size / run.grid,
                small_side = std::max(1, std::min(side, largest / run.grid));
      cut += "<div class=\"patches\" style=\"grid-template-columns:repeat(" +
             std::to_string(run.grid) + ",1fr)\">";
      for (int p = 0; p < run.grid * run.grid; ++p) {
        const auto part = part_of_view(view, size, p / run.grid * side, p % run.grid * side, side);
        cut +=
            image_of(shrunk(part, side, small_side), small_side, "patch " + std::to_string(p + 1));
      }
      cut += "</div>";
    }
  }
  std::string html = column("image", columns[0]);
  for (int v = 0; v < views; ++v) {
    html += column("view " + std::to_string(v + 1), columns[static_cast<std::size_t>(v) + 1]);
  }
  if (patches) html += column("patches of view 1", cut);
  return "<div class=\"sheet\">" + html + "</div>\n";
}

std::vector<std::int64_t> example_images(const std::vector<std::int32_t>& labels, int classes,
                                         std::size_t count) {
  std::vector<std::vector<std::int64_t>> by_class(static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < classes) {
      by_class[static_cast<std::size_t>(labels[i])].push_back(static_cast<std::int64_t>(i));
    }
  }
  std::erase_if(by_class, [](const auto& list) { return list.empty(); });
  if (by_class.size() > count) {
    std::vector<std::vector<std::int64_t>> spaced;
    for (std::size_t i = 0; i < count; ++i) spaced.push_back(by_class[i * by_class.size() / count]);
    by_class = std::move(spaced);
  }
  std::vector<std::int64_t> chosen;
  for (std::size_t turn = 0; chosen.size() < count; ++turn) {
    const auto before = chosen.size();
    for (const auto& list : by_class) {
      if (turn < list.size() && chosen.size() < count) chosen.push_back(list[turn]);
    }
    if (chosen.size() == before) break;
  }
  return chosen;
}

std::string neighbor_gallery(const data::split& images, const std::vector<neighbor_row>& rows,
                             const std::vector<std::string>& class_names, int size) {
  std::string html;
  for (const auto& row : rows) {
    const auto own = images.test.labels[static_cast<std::size_t>(row.image)];
    std::size_t right = 0;
    std::string neighbors;
    for (const auto i : row.nearest) {
      const auto label = images.train.labels[static_cast<std::size_t>(i)];
      right += label == own;
      neighbors += "<span class=\"" + std::string(label == own ? "same" : "other") + "\">" +
                   image_of(plain_view(images.train, i, size), size,
                            class_name(class_names, static_cast<std::size_t>(label)) +
                                (label == own ? "" : ", another class")) +
                   "</span>";
    }
    const auto name = class_name(class_names, static_cast<std::size_t>(own));
    html += "<div class=\"neighbors\"><p>" + html::escaped(name) + " <span class=\"soft\">" +
            std::to_string(right) + " of " + std::to_string(row.nearest.size()) +
            " of its class</span></p><div><span class=\"query\">" +
            image_of(plain_view(images.test, row.image, size), size, name + ", the test image") +
            "</span>" + neighbors + "</div></div>\n";
  }
  return "<div class=\"charts\">" + html + "</div>\n";
}

std::string image_sprite(const data::image_set& set, const std::vector<std::int64_t>& images,
                         int size) {
  constexpr int across = 32, quality = 55;
  const int count = static_cast<int>(images.size());
  picture all(size * ((count + across - 1) / across), size * across);
  for (int i = 0; i < count; ++i) {
    lay(plain_view(set, images[static_cast<std::size_t>(i)], size), size, 1, all, i / across * size,
        i % across * size);
  }
  const auto bytes = jpeg_of(all, quality);
  if (bytes.empty()) return {};
  return "<img id=\"sprite\" hidden alt=\"\" data-size=\"" + std::to_string(size) +
         "\" data-across=\"" + std::to_string(across) + "\" src=\"" +
         data_uri("image/jpeg", bytes) + "\">\n";
}

}  // namespace triptych::app
