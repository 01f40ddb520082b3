// triptych/train/encoder_import.hpp
//
// The weights of a ResNet encoder in a safetensors file, whoever wrote it, and how they get into
// networks. The names are torchvision's (timm's are the same) behind any prefix; the architecture
// follows from names and shapes. Everything else in the file, such as heads, is left out.
//
//   conv1.weight                            torchvision, timm, export_encoder
//   online.encoder.conv1.weight             a checkpoint's model.safetensors
//   module.encoder_q.conv1.weight           MoCo, beside encoder_k
//   module.conv1.weight                     DataParallel
//   backbone.0.weight, backbone.4.0.conv1.weight    lightly: the children of an nn.Sequential
//   layer2.0.shortcut.0.weight              others' word for downsample
//
// Of several encoders that which is trained by gradients is taken: not a momentum, key or teacher
// one. Numbers may be F16, BF16, F32 or F64.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/io/safetensors.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/network/network.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/resnet.hpp>

namespace triptych::train {

/// Where an encoder lies in a file.
struct encoder_location {
  nn::resnet_options architecture;
  std::string prefix;                                     ///< of the file's names
  std::map<std::string, std::string, std::less<>> names;  ///< the file's, by torchvision's
  std::string left_out;  ///< what else there is: "fc (2 tensors), encoder_k (124)"; or empty
};

/// Finds the encoder by the names and shapes in a file's header. Throws error::checkpoint where
/// there is none, or several of equal right, and where its tensors are not those of a ResNet: it
/// lists what is missing, unexpected, and of another shape.
encoder_location find_encoder(const io::safetensors_header& header);

/// The numbers of an encoder in single precision, in PyTorch's order, by torchvision's names.
struct encoder_weights {
  nn::resnet_options architecture;
  std::map<std::string, std::vector<float>, std::less<>> tensors;
  std::string left_out;  ///< see encoder_location

  /// Throws error::checkpoint where there is none of the name.
  [[nodiscard]] const std::vector<float>& of(std::string_view name) const;
};

/// Reads the encoder of a file. Throws error::checkpoint as find_encoder does, and where a number
/// is not finite or a variance negative.
encoder_weights read_encoder(const io::safetensors_file& file);

namespace detail {

inline constexpr std::string_view encoder_part = "encoder.";  ///< of a network's tensor names

/// Throws error::checkpoint unless the encoder's tensors of `lists` are those of `weights`, each of
/// its size, and there are no others.
inline void expect_encoder(const std::vector<const nn::parameter_list*>& lists,
                           const encoder_weights& weights) {
  std::size_t taken = 0;
  for (const auto* list : lists) {
    for (const auto& p : *list) {
      if (!p.name.starts_with(encoder_part)) continue;
      const auto& values = weights.of(p.name.substr(encoder_part.size()));
      if (values.size() != p.size()) {
        throw error::checkpoint("the encoder's weights hold " + std::to_string(values.size()) +
                                " numbers of " + p.name + ", not " + std::to_string(p.size()) +
                                "; give those of an encoder of the same width, blocks and stem");
      }
      ++taken;
    }
  }
  if (taken == weights.tensors.size()) return;
  throw error::checkpoint("the encoder's weights are " + std::to_string(weights.tensors.size()) +
                          " tensors, not " + std::to_string(taken) +
                          "; give those of an encoder of the same blocks");
}

/// Overwrites the encoder's tensors of an arena; others stay as they are.
template <class B>
void import_encoder(B& backend, const nn::parameter_list& list, typename B::real* data,
                    const encoder_weights& weights) {
  using real = typename B::real;
  std::vector<real> all(list.size());
  backend.download(data, all.size(), all.data());
  for (const auto& p : list) {
    if (!p.name.starts_with(encoder_part)) continue;
    const auto& values = weights.of(p.name.substr(encoder_part.size()));
    nn::in_torch_order(p, [&](std::size_t torch, std::size_t here) {
      all[p.offset + here] = static_cast<real>(values.at(torch));
    });
  }
  backend.upload(all.data(), all.size(), data);
}

}  // namespace detail

/// The network's encoder becomes this one: weights and running statistics; heads stay as they are.
/// Throws error::checkpoint, with the network untouched, where it is another encoder.
template <class B, class Update, class Patches, class Architecture>
void import_encoder(network<B, Update, Patches, Architecture>& network,
                    const encoder_weights& weights) {
  detail::expect_encoder({&network.weight_list(), &network.statistic_list()}, weights);
  detail::import_encoder(network.backend(), network.weight_list(), network.weights(), weights);
  detail::import_encoder(network.backend(), network.statistic_list(), network.statistics(),
                         weights);
}

/// Every network of a method starts from the encoder. Throws error::checkpoint, with the method
/// untouched, where it is another encoder.
template <class B, class Architecture>
void import_encoder(method::learner<B, Architecture>& method, const encoder_weights& weights) {
  std::vector<const nn::parameter_list*> online;
  for (const auto& arena : method.arenas()) {
    const bool model = arena.role == method::arena_role::model;
    if (model && arena.prefix == "online.") online.push_back(arena.list);
  }
  detail::expect_encoder(online, weights);
  for (const auto& arena : method.arenas()) {
    if (arena.role != method::arena_role::model) continue;
    detail::import_encoder(method.backend(), *arena.list, arena.data, weights);
  }
}

}  // namespace triptych::train

#ifndef TRIPTYCH_COMPILED
#include <triptych/train/encoder_import_inl.hpp>
#endif
