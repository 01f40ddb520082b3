// apps/triptych/options/shared_fields.hpp
//
// Fields that several commands have.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/io/json_text.hpp>

#include "triptych/options/fields.hpp"
#include "triptych/options/list_fields.hpp"
#include "triptych/options/options.hpp"
#include "triptych/options/settings.hpp"

namespace triptych::app {

inline const std::vector<std::string_view> split_names{"train", "test"};

inline constexpr int most_threads = 1024, most_ranks = 256, most_epochs = 1'000'000,
                     largest_batch = 1 << 20;
inline constexpr const char* large_help =
    "take what the run says of views above 512 pixels and of more than 100000 generated images";

/// Puts `more` before the option `before` of `table`.
template <class Options>
void insert(settings<Options>& table, std::string_view before, settings<Options> more) {
  const auto at =
      std::find_if(table.begin(), table.end(), [&](const auto& s) { return s.name == before; });
  table.insert(at, std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// Where pictures come from, and which of them: of all commands that read a data set. They come
/// before the option `before`.
template <class Options>
void add_images(settings<Options>& table, std::string_view before) {
  using o = image_choice;
  insert<Options>(
      table, before,
      {{"data-dir", "Images", text(&o::data_dir, "DIR", "data/cifar-10-batches-bin"),
        "where the data set lies; else it is looked for in $XDG_CACHE_HOME/triptych", role::habit},
       {"limit-per-file", "Images", whole(&o::limit_per_file, at_least(0)),
        "take the first N records of each file, or pictures of each class, 0 = all"},
       {"on-bad-image", "Images", one_of(&o::on_bad_image, {"stop", "skip"}),
        "what to do about pictures that cannot be decoded", role::habit},
       {"image-memory", "Images", whole(&o::image_memory, {0, 1 << 30}),
        "MiB for decoded pictures; those of larger sets are decoded as needed; 0 = half of what is "
        "free",
        role::habit}});
}

/// auto, imagenet, data (where `with_data`), or three means and three deviations of pixels scaled to
/// [0, 1].
template <class Options>
field<Options> normalize_field(bool with_data = true) {
  using kind = normalize_choice::kind;
  static constexpr std::array<std::string_view, 3> all{"auto", "imagenet", "data"};
  const auto words = std::span(all).first(with_data ? 3 : 2);
  return {.hint = join(words, "|") + "|M,M,M,S,S,S",
          .read = [words](Options& o, std::string_view text) -> std::string {
            std::size_t index = 0;
            if (text.find(',') == text.npos) {
              auto complaint = read_choice(text, words, index);
              if (complaint.empty()) o.normalize = {static_cast<kind>(index), {}};
              return complaint;
            }
            std::array<float, 6> numbers{};
            const auto wrong = each_item(text, [&](std::string_view item) -> std::string {
              double x = 0;
              if (index == numbers.size()) return "does not have 6 numbers";
              auto complaint = of_element(item, read_number(item, x));
              if (!complaint.empty()) return complaint;
              if (!(x >= (index < 3 ? 0 : 1e-6) && x <= 1)) {
                return "has a " + std::string(index < 3 ? "mean" : "deviation") +
                       " outside 0 to 1; they are of pixels scaled to that";
              }
              numbers[index++] = static_cast<float>(x);
              return {};
            });
            if (!wrong.empty()) return wrong;
            if (index != numbers.size()) return "does not have 6 numbers";
            o.normalize = {
                kind::given,
                {{numbers[0], numbers[1], numbers[2]}, {numbers[3], numbers[4], numbers[5]}}};
            return {};
          },
          .write =
              [](const Options& o) {
                const auto& [from, given] = o.normalize;
                if (from != kind::given) return std::string(all[static_cast<std::size_t>(from)]);
                std::string text;
                for (const auto* three : {&given.mean, &given.deviation}) {
                  for (const float x : *three) {
                    text += (text.empty() ? "" : ",") + io::number_text(x);
                  }
                }
                return text;
              },
          .example = "imagenet"};
}

/// Images that a trained encoder encodes, and how: all but the data set. They come before the option
/// `before`.
template <class Options>
void add_encoded_images(settings<Options>& table, std::string_view before) {
  using o = encoded_images;
  add_images(table, before);
  insert<Options>(
      table, before,
      {{"image-size", "Images", whole(&o::image_size, {0, most_pixels}),
        "pixels on a side of a view, 0 = as in training, where that is not known the data set's"},
       {"normalize", "Images", normalize_field<o>(),
        "mean and deviation that normalize them; auto: as in training"},
       {"large", "Images", flag(&o::large), large_help}});
}

}  // namespace triptych::app
