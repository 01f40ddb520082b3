// What holds for every decoded picture.
#pragma once

#include <cstddef>

#include <triptych/data/decode.hpp>

#include "fuzz/fuzz.hpp"

namespace triptych::fuzz {

inline void decode(bytes input) {
  const auto file = as_file(input);
  takes({error_kind::data}, [&] {
    const auto image = data::decode_image(file);
    require(image.height > 0 && image.width > 0, "a size");
    require(image.pixels.size() ==
                static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width) * 3,
            "all pixels");
  });
}

}  // namespace triptych::fuzz
