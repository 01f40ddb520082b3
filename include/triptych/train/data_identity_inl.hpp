// triptych/train/data_identity_inl.hpp
//
// The bodies of data_identity.hpp.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/first_few.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/io/hash.hpp>
#include <triptych/io/json.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/train/data_identity.hpp>

namespace triptych::train {

namespace detail {

/// Takes the checksum of a part of a set.
class part_checksum {
 public:
  void add(augment::image_view image) {
    pixels_.add(std::as_bytes(image.pixels));
    sizes_.push_back(image.height);
    sizes_.push_back(image.width);
  }
  [[nodiscard]] std::string of(const data::image_set& set) {
    bool several = false;
    for (std::size_t i = 2; i < sizes_.size(); ++i) several |= sizes_[i] != sizes_[i - 2];
    if (several) pixels_.add(std::as_bytes(std::span(sizes_)));
    pixels_.add(std::as_bytes(std::span(set.labels)));
    return io::hex_text(pixels_.result().xxh64);
  }

 private:
  io::hasher pixels_;
  std::vector<std::int32_t> sizes_;
};

inline std::string with_commas(const std::array<float, 3>& three) {
  std::string text;
  for (const float x : three) text += (text.empty() ? "" : ", ") + io::number_text(x);
  return text;
}

inline std::string listed(const std::vector<std::string>& names) {
  return first_few(names, 8, [](const std::string& name) { return name; });
}

}  // namespace detail

TRIPTYCH_INLINE identified_images load_identified(data::source s, thread_pool* pool) {
  std::array<detail::part_checksum, 2> sums;
  s.seen = [&](bool test, augment::image_view image) { sums[test ? 1 : 0].add(image); };
  identified_images found{data::load(s, pool), {}};
  const auto& [train, test, skipped] = found.images;
  found.identity = {.name = train.name,
                    .classes = train.classes,
                    .class_names = {},
                    .train = {train.size(), sums[0].of(train)},
                    .test = {test.size(), sums[1].of(test)},
                    .constants = train.normalization()};
  if (train.class_names.size() <= most_class_names) {
    for (const auto& name : train.class_names) {
      found.identity.class_names.push_back(printable(name));
    }
  }
  return found;
}

TRIPTYCH_INLINE io::metadata_map metadata_of(const data_identity& id) {
  return {{data_key, to_json(id)},
          {"triptych.mean", detail::with_commas(id.constants.mean)},
          {"triptych.deviation", detail::with_commas(id.constants.deviation)}};
}

TRIPTYCH_INLINE std::optional<data_identity> identity_in(const io::metadata_map& metadata,
                                                         const std::string& place) {
  const auto found = metadata.find(data_key);
  if (found == metadata.end()) return std::nullopt;
  return read_identity(found->second, place + ", " + data_key);
}

TRIPTYCH_INLINE std::string to_json(const data_identity& id) {
  const auto part = [](const data_identity::part& p) {
    return "{\"images\": " + std::to_string(p.images) + ", \"xxh64\": " + io::json_string(p.xxh64) +
           "}";
  };
  std::string names;
  for (const auto& name : id.class_names) {
    names += (names.empty() ? "" : ", ") + io::json_string(name);
  }
  return "{\"name\": " + io::json_string(id.name) + ", \"classes\": " + std::to_string(id.classes) +
         ", \"class_names\": [" + names + "], \"train\": " + part(id.train) +
         ", \"test\": " + part(id.test) + ", \"mean\": [" + detail::with_commas(id.constants.mean) +
         "], \"deviation\": [" + detail::with_commas(id.constants.deviation) + "]}";
}

TRIPTYCH_INLINE data_identity read_identity(std::string_view text, const std::string& place) {
  const std::string advice = "take another checkpoint";
  const auto json = io::parse_json_object(text, place, advice);
  const io::json_fields fields(json, place, advice);
  const auto refuse = [&](const char* key, const char* what) {
    return error::checkpoint(place + ": \"" + key + "\" is not " + what + "; " + advice);
  };
  const auto part = [&](const char* key) {
    const auto it = json.find(key);
    if (it == json.end() || !it->is_object()) throw refuse(key, "an object");
    const io::json_fields inner(*it, place + ", " + key, advice);
    const auto images = inner.count("images");
    if (images > most_images) throw refuse(key, "a part of a data set, for it has too many images");
    return data_identity::part{images, inner.text("xxh64")};
  };
  const auto three = [&](const char* key, double least) {
    std::array<float, 3> numbers{};
    const auto& list = fields.array(key);
    if (list.size() != numbers.size()) throw refuse(key, "three numbers");
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      if (!list[i].is_number()) throw refuse(key, "three numbers");
      const auto value = list[i].get<double>();
      if (!(value >= least && value <= 1)) throw refuse(key, "three numbers from 0 to 1");
      numbers[i] = static_cast<float>(value);
    }
    return numbers;
  };
  data_identity id;
  id.name = fields.text("name");
  constexpr std::int64_t most_classes = 1 << 24;
  const auto classes = fields.count("classes");
  if (classes < 1 || classes > most_classes) throw refuse("classes", "a number of classes");
  id.classes = static_cast<int>(classes);
  for (const auto& name : fields.array("class_names")) {
    if (!name.is_string()) throw refuse("class_names", "a list of names");
    id.class_names.push_back(name.get<std::string>());
  }
  id.train = part("train");
  id.test = part("test");
  constexpr double smallest_deviation = 1e-6;
  id.constants = {three("mean", 0), three("deviation", smallest_deviation)};
  return id;
}

TRIPTYCH_INLINE std::vector<std::string> differences(const data_identity& before,
                                                     const data_identity& now) {
  std::vector<std::string> list;
  const auto see = [&](const std::string& a, const std::string& b, const std::string& what) {
    if (a != b) list.push_back(b + what + ", not " + a);
  };
  see("the data set " + before.name, "the data set " + now.name, "");
  if (before.classes != now.classes || before.class_names != now.class_names) {
    const auto text = [](const data_identity& id) {
      return "the " + std::to_string(id.classes) + " classes (" + detail::listed(id.class_names) +
             ")";
    };
    see(text(before), text(now), "");
    if (list.empty()) list.emplace_back("classes of other names");
  }
  const auto part = [&](const data_identity::part& a, const data_identity::part& b,
                        const std::string& which) {
    see(std::to_string(a.images), std::to_string(b.images), " " + which + " images");
    if (a.images == b.images && a.xxh64 != b.xxh64) {
      list.push_back("other contents of the " + which + " images");
    }
  };
  part(before.train, now.train, "training");
  part(before.test, now.test, "test");
  return list;
}

}  // namespace triptych::train
