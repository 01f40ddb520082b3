// triptych/augment/recipe.hpp
//
// A recipe says how the views of one kind are made: plain numbers, with the published recipes under
// their names. The operations always run in this order: crop, color jitter, grayscale, blur,
// solarize, flip, normalize.
//
// Sources: the MNCL authors' code for `mncl` (that of MoCo v2, Chen et al. 2020); the public CIFAR
// recipes for `moco`, `simclr`, `nnclr`, `simsiam`, `byol_1` and `byol_2`, blur and solarize of the
// latter two from BYOL (Grill et al. 2020, table 6). An asymmetric method has one recipe per view.
#pragma once

#include <array>
#include <string_view>

#include <triptych/augment/crop.hpp>
#include <triptych/augment/resize.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>

namespace triptych::augment {

/// Parameters of the operations; the default is no randomness at all.
struct recipe {
  bool random_crop = false;  ///< false: the largest centered rectangle
  crop_range crop{};
  filter interpolation = filter::bilinear;

  float jitter_p = 0;                                  ///< probability of the whole color jitter
  float brightness = 0, contrast = 0, saturation = 0;  ///< factors are uniform in 1 -+ this
  float hue = 0;  ///< turns are uniform in -+ this, at most 1/2

  float gray_p = 0;

  float blur_p = 0;
  float sigma_min = 0.1f, sigma_max = 2.0f;  ///< in pixels of an image of 224 ...
  bool scale_blur = true;                    ///< ... or, if false, in pixels of the view

  float solarize_p = 0, solarize_threshold = 0.5f;
  float flip_p = 0;

  friend bool operator==(const recipe&, const recipe&) = default;
};

namespace recipes {

/// Test images: resized if need be, nothing else.
inline constexpr recipe plain{};

/// The training images of a linear evaluation.
inline constexpr recipe linear{.random_crop = true, .crop = {.scale_min = 0.08f}, .flip_p = 0.5f};

/// The recipe of the paper's authors, for all three views.
inline constexpr recipe mncl{.random_crop = true,
                             .jitter_p = 0.8f,
                             .brightness = 0.4f,
                             .contrast = 0.4f,
                             .saturation = 0.4f,
                             .hue = 0.1f,
                             .gray_p = 0.2f,
                             .blur_p = 0.5f,
                             .flip_p = 0.5f};

/// CIFAR recipes without blur.
inline constexpr recipe simsiam = [] {
  recipe r = mncl;
  r.blur_p = 0;
  return r;
}();
inline constexpr recipe moco = [] {
  recipe r = simsiam;
  r.crop.scale_min = 0.08f;
  return r;
}();

/// Mean shift's target view, which is only cropped and flipped; the other is `mncl`.
inline constexpr recipe weak{.random_crop = true, .crop = {.scale_min = 0.2f}, .flip_p = 0.5f};

/// BYOL's two views differ in blur and solarization.
inline constexpr recipe byol_1 = [] {
  recipe r = moco;
  r.saturation = 0.2f;
  r.blur_p = 1.0f;
  return r;
}();
inline constexpr recipe byol_2 = [] {
  recipe r = byol_1;
  r.blur_p = 0.1f;
  r.solarize_p = 0.2f;
  return r;
}();

}  // namespace recipes

inline constexpr std::array<std::string_view, 12> preset_names{
    "plain",  "linear", "mncl", "fast_moco", "simsiam", "moco",
    "simclr", "nnclr",  "byol", "byol_1",    "byol_2",  "weak_strong"};

/// The recipe of that name for a view, counted from 0: "byol" and "weak_strong" are two in turn, all
/// others are the same for every view. error::usage for a name that there is not.
recipe preset(std::string_view name, int view = 0);

/// error::usage naming the first parameter that is not a finite number of its range.
void validate(const recipe& r);

}  // namespace triptych::augment

#ifndef TRIPTYCH_COMPILED
#include <triptych/augment/recipe_inl.hpp>
#endif
