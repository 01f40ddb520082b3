// triptych/train/encoder_import_inl.hpp
//
// The bodies of encoder_import.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include <triptych/config.hpp>
#include <triptych/core/bf16.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/first_few.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/safetensors.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/resnet.hpp>
#include <triptych/train/encoder_import.hpp>

namespace triptych::train {

namespace detail {

inline constexpr std::string_view take_another =
    "; give the weights of a ResNet under torchvision's names";

/// The words of a name between its dots.
inline std::vector<std::string_view> words_of(std::string_view name) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at <= name.size();) {
    const auto dot = std::min(name.find('.', at), name.size());
    words.push_back(name.substr(at, dot - at));
    at = dot + 1;
  }
  return words;
}

inline bool is_number(std::string_view word) {
  return !word.empty() &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Whether the networks that files name so follow another one, and are not trained by gradients.
inline bool follows(std::string_view prefix) {
  const auto words = words_of(prefix);
  return std::any_of(words.begin(), words.end(), [](std::string_view word) {
    constexpr std::array parts{"momentum", "teacher",   "target",
                               "key_",     "encoder_k", "stop_gradient"};
    return word == "ema" || word.ends_with("_ema") ||
           std::any_of(parts.begin(), parts.end(),
                       [&](std::string_view part) { return word.find(part) != word.npos; });
  });
}

/// Whether files name so what an optimizer remembers of each weight.
inline bool is_optimizers(std::string_view name) {
  const auto words = words_of(name);
  return std::any_of(words.begin(), words.end(), [](std::string_view word) {
    constexpr std::array states{"momentum_buffer", "exp_avg", "exp_avg_sq", "optimizer"};
    return std::find(states.begin(), states.end(), word) != states.end();
  });
}

/// How one program names the tensors of a ResNet.
struct encoder_names {
  std::string prefix;
  /// Of the children of an nn.Sequential, those that are stages; empty where layers have names.
  std::vector<std::string> positions{};
  std::string shortcut = "downsample";

  [[nodiscard]] bool by_position() const { return !positions.empty(); }
  [[nodiscard]] std::string stem() const { return prefix + (by_position() ? "0" : "conv1"); }
  [[nodiscard]] std::string stage(std::size_t i) const {
    if (!by_position()) return prefix + "layer" + std::to_string(i + 1);
    return prefix + (i < positions.size() ? positions[i] : "-");
  }

  /// The file's name of torchvision's `name`.
  [[nodiscard]] std::string of(std::string_view name) const {
    const auto dot = name.find('.');
    const auto layer = name.substr(0, dot);
    std::string rest(name.substr(dot));
    if (const auto at = rest.find("downsample"); at != rest.npos) {
      rest.replace(at, std::string_view("downsample").size(), shortcut);
    }
    if (layer.starts_with("layer")) {
      return stage(static_cast<std::size_t>(layer.back() - '1')) + rest;
    }
    if (!by_position()) return prefix + std::string(layer) + rest;
    return prefix + (layer == "conv1" ? "0" : "1") + rest;
  }

  /// Whether `name` belongs to the layers of the encoder, and not to what stands behind them.
  [[nodiscard]] bool holds(std::string_view name) const {
    if (!name.starts_with(prefix)) return false;
    const auto words = words_of(name.substr(prefix.size()));
    if (words.size() < 2) return false;
    if (by_position()) {
      return words[0] == "0" || words[0] == "1" ||
             std::find(positions.begin(), positions.end(), words[0]) != positions.end();
    }
    return words[0] == "conv1" || words[0] == "bn1" ||
           (words[0].starts_with("layer") && is_number(words[0].substr(5)));
  }
};

/// The ways of naming in which the file holds the stem and a first block. A prefix ends with a dot
/// or is empty.
inline std::vector<encoder_names> encoders_in(const io::safetensors_header& header) {
  std::vector<encoder_names> found;
  for (const auto& t : header.tensors) {
    for (const bool by_position : {false, true}) {
      const std::string stem = by_position ? "0.weight" : "conv1.weight";
      if (!t.name.ends_with(stem)) continue;
      encoder_names names{.prefix = t.name.substr(0, t.name.size() - stem.size())};
      if (!names.prefix.empty() && names.prefix.back() != '.') continue;
      if (by_position) {
        constexpr int most_children = 16;
        for (int child = 2; child < most_children; ++child) {
          const auto position = std::to_string(child);
          if (header.find(names.prefix + position + ".0.conv1.weight") != nullptr) {
            names.positions.push_back(position);
          }
        }
        if (!names.by_position()) continue;
      } else if (header.find(names.prefix + "layer1.0.conv1.weight") == nullptr) {
        continue;
      }
      for (std::size_t stage = 0; stage < 4; ++stage) {
        if (header.find(names.stage(stage) + ".0.shortcut.0.weight") != nullptr) {
          names.shortcut = "shortcut";
        }
      }
      found.push_back(std::move(names));
    }
  }
  return found;
}

/// The one encoder that is meant.
inline encoder_names encoder_in(const io::safetensors_header& header) {
  auto found = encoders_in(header);
  const bool any = !found.empty();
  std::erase_if(found, [](const auto& names) { return is_optimizers(names.prefix); });
  if (found.empty()) {
    const bool state = any || std::any_of(header.tensors.begin(), header.tensors.end(),
                                          [](const auto& t) { return is_optimizers(t.name); });
    throw error::checkpoint(header.file + " holds no ResNet encoder" +
                            (state ? ", but the state of an optimizer"
                                   : " (no conv1.weight beside layer1.0.conv1.weight, behind any "
                                     "prefix)") +
                            std::string(take_another));
  }
  if (found.size() > 1) {
    auto leading = found;
    std::erase_if(leading, [](const auto& names) { return follows(names.prefix); });
    if (!leading.empty()) found = std::move(leading);
  }
  if (found.size() > 1) {
    throw error::checkpoint(
        header.file + " holds " + std::to_string(found.size()) + " encoders, named " +
        first_few(found, 4, [](const auto& names) { return io::shown(names.prefix); }) +
        "; keep one of them by tools/convert_pth.py, e.g. that of the prefix " +
        io::shown(found[found.front().prefix.empty() ? 1 : 0].prefix));
  }
  return found.front();
}

/// What shapes and names say of the numbers that make a ResNet.
inline nn::resnet_options architecture_in(const io::safetensors_header& header,
                                          const encoder_names& names) {
  const auto refuse = [&](const std::string& what) {
    return error::checkpoint(header.file + ": " + what + std::string(take_another));
  };
  const auto& stem = header.at(names.stem() + ".weight");
  const auto& s = stem.shape;
  constexpr std::int64_t widest = 4096, small = 3, large = 7;
  if (s.size() != 4 || s[0] < 1 || s[0] > widest || s[1] != 3 || s[2] != s[3] ||
      (s[2] != small && s[2] != large)) {
    throw refuse("the stem " + io::shown(stem.name) + " is " + io::describe(stem.type, s) +
                 ", not [width,3,7,7] or [width,3,3,3]");
  }
  // lightly's CIFAR ResNet calls its relu as a function, which nn.Sequential leaves out.
  if (names.by_position() && names.positions.front() == "2") {
    throw refuse("its stages follow the stem's BatchNorm without a relu (as in lightly's "
                 "nn.Sequential of its CIFAR ResNet), which no ResNet of ours does");
  }
  if (names.by_position() && names.positions.front() == "3" && s[2] == large) {
    throw refuse("its 7x7 stem has no max-pool behind it, which ours has");
  }
  nn::resnet_options found{.stem = s[2] == small ? nn::stem::cifar : nn::stem::imagenet,
                           .width = static_cast<int>(s[0])};
  for (std::size_t stage = 0; stage < found.blocks.size(); ++stage) {
    constexpr int most_blocks = 1000;
    int n = 0;
    while (n <= most_blocks &&
           header.find(names.stage(stage) + "." + std::to_string(n) + ".conv1.weight") != nullptr) {
      ++n;
    }
    if (n == 0 || n > most_blocks) {
      throw refuse("stage " + std::to_string(stage + 1) + " of its encoder has " +
                   (n == 0 ? "no blocks" : "more than 1000 blocks"));
    }
    found.blocks[stage] = n;
  }
  if (header.find(names.stage(0) + ".0.conv3.weight") != nullptr) {
    found.block = nn::block::bottleneck;
  }
  return found;
}

inline bool is_real(io::dtype type) {
  return type == io::dtype::f16 || type == io::dtype::bf16 || type == io::dtype::f32 ||
         type == io::dtype::f64;
}

template <class Number>
std::vector<float> widened(std::span<const std::byte> bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  if (!bytes.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  std::vector<float> values(numbers.size());
  std::transform(numbers.begin(), numbers.end(), values.begin(),
                 [](const Number& x) { return static_cast<float>(x); });
  return values;
}

inline std::vector<float> numbers_of(const io::safetensors_file& file, const std::string& name) {
  const auto bytes = file.bytes(name);
  switch (file.info(name).type) {
  case io::dtype::f16:
    return widened<Eigen::half>(bytes);
  case io::dtype::bf16:
    return widened<bf16>(bytes);
  case io::dtype::f64:
    return widened<double>(bytes);
  default:
    return widened<float>(bytes);
  }
}

/// "fc (2 tensors), encoder_k (124)": what is no part of the encoder, by its first word behind the
/// prefix.
inline std::string left_out(const io::safetensors_header& header, const encoder_names& names) {
  std::map<std::string, std::size_t> groups;
  for (const auto& t : header.tensors) {
    if (names.holds(t.name)) continue;
    std::string_view rest = t.name;
    if (rest.starts_with(names.prefix)) rest.remove_prefix(names.prefix.size());
    if (rest.starts_with("module.")) rest.remove_prefix(std::string_view("module.").size());
    ++groups[std::string(rest.substr(0, rest.find('.')))];
  }
  bool first = true;
  return first_few(groups, 8, [&](const auto& group) {
    const bool plural = group.second != 1;
    const std::string unit = std::exchange(first, false) ? plural ? " tensors" : " tensor" : "";
    constexpr std::size_t longest = 40;
    return printable(group.first.substr(0, longest)) + " (" + std::to_string(group.second) + unit +
           ")";
  });
}

}  // namespace detail

TRIPTYCH_INLINE encoder_location find_encoder(const io::safetensors_header& header) {
  const auto names = detail::encoder_in(header);
  encoder_location found{.architecture = detail::architecture_in(header, names),
                         .prefix = names.prefix,
                         .names = {},
                         .left_out = detail::left_out(header, names)};
  nn::declaration d;
  nn::resnet(found.architecture).declare(d);
  io::safetensors_header own;  // what of the file is the encoder's
  own.file = header.file;
  for (const auto& t : header.tensors) {
    if (!names.holds(t.name) || t.name.ends_with(".num_batches_tracked")) continue;
    own.index.emplace(t.name, own.tensors.size());
    own.tensors.push_back(t);
  }
  std::vector<io::tensor_info> expected;
  for (const auto* list : {&d.weights, &d.statistics}) {
    for (const auto& p : *list) {
      const auto& name = found.names.emplace(p.name, names.of(p.name)).first->second;
      const auto* there = header.find(name);
      const bool real = there != nullptr && detail::is_real(there->type);
      expected.push_back({name, real ? there->type : io::dtype::f32, p.shape});
    }
  }
  if (const auto wrong = io::difference(expected, own); !wrong.empty()) {
    throw error::checkpoint(header.file + ": its encoder is no ResNet of width " +
                            std::to_string(found.architecture.width) + ": " + wrong +
                            std::string(detail::take_another));
  }
  return found;
}

TRIPTYCH_INLINE const std::vector<float>& encoder_weights::of(std::string_view name) const {
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found->second;
  throw error::checkpoint("the encoder's weights hold no " + io::shown(std::string(name)) +
                          "; give those of an encoder of the same blocks");
}

TRIPTYCH_INLINE encoder_weights read_encoder(const io::safetensors_file& file) {
  auto where = find_encoder(file.header());
  encoder_weights weights{where.architecture, {}, std::move(where.left_out)};
  for (const auto& [ours, theirs] : where.names) {
    auto values = detail::numbers_of(file, theirs);
    const bool variance = ours.ends_with("running_var");
    for (const float x : values) {
      if (std::isfinite(x) && !(variance && x < 0)) continue;
      throw error::checkpoint(file.header().file + ": the tensor " + io::shown(theirs) + " holds " +
                              (std::isfinite(x) ? "a negative variance" : "NaN or infinity") +
                              "; give weights of a run that went well");
    }
    weights.tensors.emplace(ours, std::move(values));
  }
  return weights;
}

}  // namespace triptych::train
