// apps/triptych/options/recipes.hpp
//
// Where a method's options start: `paper` is the shared settings of the paper, the app's defaults;
// `tuned` is each method's own recipe for CIFAR-10, as data. Whatever is given overrides them.
#pragma once

#include <span>
#include <string_view>

namespace triptych::app {

struct preset_value {
  std::string_view option, value;
};

// Sources: MC is the CIFAR-10 notebook of MoCo's authors; L is lightly's CIFAR-10 benchmark, whose
// kNN accuracies after 200 epochs at batch 128 are a reference; SS is the code of SimSiam's
// authors, PH the public CIFAR-10 recipe derived from it; S is solo-learn's CIFAR recipes; F is the
// code of Fast-MoCo's authors, for ImageNet: they give none for CIFAR.
namespace tuned {

inline constexpr preset_value moco[] = {
    // MC
    {"batch", "512"},      {"lr", "0.06"},     {"weight-decay", "5e-4"}, {"head", "512,128"},
    {"head-norm", "none"}, {"queue", "4096"},  {"temperature", "0.1"},   {"momentum-m", "0.99"},
    {"symmetric", "off"},  {"bn-splits", "8"}, {"augment", "moco"},
};
inline constexpr preset_value simsiam[] = {
    // L
    {"batch", "128"},
    {"lr", "0.06"},
    {"weight-decay", "5e-4"},
    {"augment", "simsiam"},
    // PH, SS
    {"head", "2048,2048"},
    {"head-norm", "plain"},
    {"predictor-hidden", "512"},
    {"warmup-epochs", "10"},
    {"predictor-lr", "constant"},
};
inline constexpr preset_value simclr[] = {
    // L
    {"batch", "128"},     {"lr", "0.06"},         {"weight-decay", "5e-4"}, {"head", "512,128"},
    {"head-norm", "all"}, {"temperature", "0.5"}, {"augment", "simclr"},
};
inline constexpr preset_value byol[] = {
    // L
    {"batch", "128"},
    {"lr", "0.06"},
    {"weight-decay", "5e-4"},
    // S
    {"head", "4096,256"},
    {"head-norm", "hidden"},
    {"predictor-hidden", "4096"},
    {"momentum-m", "0.99"},
    {"momentum-schedule", "cosine"},
    {"augment", "byol"},
};
inline constexpr preset_value nnclr[] = {
    // L
    {"batch", "128"},
    {"lr", "0.06"},
    {"weight-decay", "5e-4"},
    {"augment", "nnclr"},
    // S; the queue is the paper's of the protocol
    {"head", "2048,2048,256"},
    {"predictor-hidden", "4096"},
    {"temperature", "0.2"},
    {"queue", "16384"},
};
inline constexpr preset_value fast_moco[] = {
    // F, whose rate is 0.1 at batch 512
    {"lr", "0.05"},       {"weight-decay", "1e-4"},     {"warmup-epochs", "1"},
    {"clip-norm", "1"},   {"predictor-lr", "constant"}, {"zero-init-residual", "on"},
    {"temperature", "1"}, {"augment", "fast_moco"},
};
inline constexpr preset_value mncl[] = {
    // No public recipe is for 32 pixels: SGD as L has it, the rest as in docs/results.md.
    {"batch", "128"},       {"lr", "0.06"},    {"weight-decay", "5e-4"},
    {"temperature", "0.2"}, {"queue", "4096"},
};

}  // namespace tuned

/// The tuned values of a method; empty for one that has none of its own.
inline std::span<const preset_value> tuned_values(std::string_view method) {
  if (method == "moco") return tuned::moco;
  if (method == "simsiam") return tuned::simsiam;
  if (method == "simclr") return tuned::simclr;
  if (method == "byol") return tuned::byol;
  if (method == "nnclr") return tuned::nnclr;
  if (method == "fast_moco") return tuned::fast_moco;
  if (method == "mncl") return tuned::mncl;
  return {};
}

}  // namespace triptych::app
