// apps/triptych/report/picture.hpp
//
// Small 8-bit pictures, made of images and views, as files and as part of a page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/data/image_set.hpp>

namespace triptych::app {

/// An 8-bit picture (height, width, 3), white.
struct picture {
  int height, width;
  std::vector<std::uint8_t> pixels;

  picture(int h, int w)
      : height(h), width(w),
        pixels(static_cast<std::size_t>(h) * static_cast<std::size_t>(w) * 3, 255) {}

  std::uint8_t* at(int row, int column) {
    return pixels.data() + (static_cast<std::size_t>(row) * static_cast<std::size_t>(width) +
                            static_cast<std::size_t>(column)) *
                               3;
  }
};

std::string ppm_of(const picture& p);

/// Whether this program can make PNG files.
bool makes_png();

/// Throws error::usage where it cannot.
std::string png_of(const picture& p);

/// A JPEG of the picture, which is a quarter of its PNG or less; empty where this program was built
/// without libjpeg.
std::string jpeg_of(const picture& p, int quality);

/// Lays a view (size, size, 3) of numbers in [0, 1] over the picture, every pixel `zoom` times.
void lay(const std::vector<float>& view, int size, int zoom, picture& p, int top, int left);

/// Bytes as text, by the rules of RFC 4648.
std::string base64(std::string_view bytes);

/// A file of the type ("image/png") as the address of an image on a page.
std::string data_uri(std::string_view type, std::string_view bytes);

/// Image i of a set as it is, cut square from its middle and resized to `size`, in [0, 1].
std::vector<float> plain_view(const data::image_set& set, std::int64_t i, int size);

/// A view (size, size, 3) made smaller, (to, to, 3) with to <= size: each pixel is the mean of those
/// that it replaces.
std::vector<float> shrunk(const std::vector<float>& view, int size, int to);

/// <img> of a view (size, size, 3) in [0, 1]; `title` is said when the pointer rests on it.
std::string image_of(const std::vector<float>& view, int size, std::string_view title,
                     std::string_view style = {});

}  // namespace triptych::app
