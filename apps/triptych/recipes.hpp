// apps/triptych/recipes.hpp
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

// Sources: MC is the authors' CIFAR-10 notebook of MoCo; L is lightly's CIFAR-10 benchmark, whose kNN
// accuracies after 200 epochs at batch 128 are a reference; SS is the SimSiam authors' code, PH the
// public CIFAR-10 recipe derived from it; S is solo-learn's CIFAR recipes; F is Fast-MoCo's code, for
// ImageNet: there is none of its authors' for CIFAR.
namespace tuned {

inline constexpr preset_value moco[] = {
    {"batch", "512"},        {"lr", "0.06"},       {"weight-decay", "5e-4"},  // MC
    {"head", "512,128"},     {"head-norm", "none"},                           // MC
    {"temperature", "0.1"},  {"queue", "4096"},    {"momentum-m", "0.99"},    // MC
    {"symmetric", "off"},    {"bn-splits", "8"},   {"augment", "moco"},       // MC
};
inline constexpr preset_value simsiam[] = {
    {"batch", "128"},          {"lr", "0.06"},           {"weight-decay", "5e-4"},    // L
    {"head", "2048,2048"},     {"head-norm", "plain"},   {"predictor-hidden", "512"},  // PH, SS
    {"warmup-epochs", "10"},   {"predictor-lr", "constant"},                          // PH, SS
    {"augment", "simsiam"},                                                           // L
};
inline constexpr preset_value simclr[] = {
    {"batch", "128"},    {"lr", "0.06"},        {"weight-decay", "5e-4"},                // L
    {"head", "512,128"}, {"head-norm", "all"},  {"temperature", "0.5"},                  // L
    {"augment", "simclr"},                                                               // L
};
inline constexpr preset_value byol[] = {
    {"batch", "128"},           {"lr", "0.06"},         {"weight-decay", "5e-4"},      // L
    {"head", "4096,256"},       {"head-norm", "hidden"}, {"predictor-hidden", "4096"},  // S
    {"momentum-m", "0.99"},     {"momentum-schedule", "cosine"},                       // S
    {"augment", "byol"},                                                               // S
};
inline constexpr preset_value nnclr[] = {
    {"batch", "128"},           {"lr", "0.06"},            {"weight-decay", "5e-4"},  // L
    {"head", "2048,2048,256"},  {"predictor-hidden", "4096"},                         // S
    {"temperature", "0.2"},     {"queue", "16384"},        {"augment", "nnclr"},      // S, method.md
};
inline constexpr preset_value fast_moco[] = {
    {"lr", "0.05"},           {"weight-decay", "1e-4"},      {"warmup-epochs", "1"},  // F: 0.1 at 512
    {"clip-norm", "1"},       {"predictor-lr", "constant"},  {"zero-init-residual", "on"},  // F
    {"temperature", "1"},     {"augment", "fast_moco"},                               // F
};
inline constexpr preset_value mncl[] = {
    // No public recipe for 32 pixels: SGD as the others, the rest as in docs/results.md.
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
