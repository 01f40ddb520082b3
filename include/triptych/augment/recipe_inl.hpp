// triptych/augment/recipe_inl.hpp
//
// The bodies of recipe.hpp.
#pragma once

#include <string>
#include <string_view>

#include <triptych/augment/recipe.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/nearest_name.hpp>

namespace triptych::augment {

TRIPTYCH_INLINE recipe preset(std::string_view name, int view) {
  if (name == "byol") return view % 2 == 0 ? recipes::byol_1 : recipes::byol_2;
  if (name == "weak_strong") return view % 2 == 0 ? recipes::weak : recipes::mncl;
  if (name == "plain") return recipes::plain;
  if (name == "linear") return recipes::linear;
  if (name == "mncl" || name == "fast_moco") return recipes::mncl;
  if (name == "simsiam") return recipes::simsiam;
  if (name == "moco" || name == "simclr" || name == "nnclr") return recipes::moco;
  if (name == "byol_1") return recipes::byol_1;
  if (name == "byol_2") return recipes::byol_2;
  throw error::usage("there is no augmentation '" + std::string(name) + "'; did you mean '" +
                     std::string(nearest_name<std::string_view>(name, preset_names)) + "'?");
}

TRIPTYCH_INLINE void validate(const recipe& r) {
  const auto within = [](const char* name, float v, float low, float high) {
    if (v >= low && v <= high) return;  // false for NaN, too
    throw error::usage("augmentation: " + std::string(name) + " is " + std::to_string(v) +
                       "; give a number from " + std::to_string(low) + " to " +
                       std::to_string(high));
  };
  within("crop.scale_min", r.crop.scale_min, 1e-4f, 1);
  within("crop.scale_max", r.crop.scale_max, r.crop.scale_min, 1);
  within("crop.ratio_min", r.crop.ratio_min, 0.01f, 100);
  within("crop.ratio_max", r.crop.ratio_max, r.crop.ratio_min, 100);
  within("jitter_p", r.jitter_p, 0, 1);
  within("brightness", r.brightness, 0, 10);
  within("contrast", r.contrast, 0, 10);
  within("saturation", r.saturation, 0, 10);
  within("hue", r.hue, 0, 0.5f);
  within("gray_p", r.gray_p, 0, 1);
  within("blur_p", r.blur_p, 0, 1);
  within("sigma_min", r.sigma_min, 1e-3f, 100);
  within("sigma_max", r.sigma_max, r.sigma_min, 100);
  within("solarize_p", r.solarize_p, 0, 1);
  within("solarize_threshold", r.solarize_threshold, 0, 1);
  within("flip_p", r.flip_p, 0, 1);
}

}  // namespace triptych::augment
