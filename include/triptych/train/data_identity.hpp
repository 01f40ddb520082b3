// triptych/train/data_identity.hpp
//
// Which images a run was trained on: names and numbers of classes and images, a checksum of their
// contents, and the constants that normalize them. Run, checkpoints and exported encoders carry it,
// so that features mean the same wherever they are computed and other images are noticed.
//
// The checksum (XXH64) of a part is that of its pixels in their order, of the sizes (height, width)
// where there are several, and of the labels, both as 32-bit little-endian numbers. It is taken
// while images are read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <triptych/augment/normalize.hpp>
#include <triptych/config.hpp>
#include <triptych/core/error.hpp>
#include <triptych/data/data_set.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/io/safetensors.hpp>

namespace triptych::train {

inline constexpr const char* data_key = "triptych.data";  ///< of an exported encoder's metadata
inline constexpr std::size_t most_class_names = 10'000;   ///< more are not kept

/// Of a part; sums and products of such numbers do not overflow.
inline constexpr std::int64_t most_images = std::int64_t{1} << 40;

struct data_identity {
  struct part {
    std::int64_t images = 0;
    std::string xxh64{};  ///< 16 hexadecimal digits
  };
  std::string name{};
  int classes = 0;
  std::vector<std::string>
      class_names{};  ///< printable; none where nobody has named them, or too many
  part train{}, test{};
  augment::normalization constants{};
};

/// A set and what it is.
struct identified_images {
  data::split images;
  data_identity identity;
};

/// data::load, looking at every image once.
identified_images load_identified(data::source s, thread_pool* pool = nullptr);

/// What an exported encoder says of it: all as JSON (`triptych.data`), and by themselves the
/// constants of pixels scaled to [0, 1], as "0.4914, 0.4822, 0.4465" (`triptych.mean`,
/// `triptych.deviation`).
io::metadata_map metadata_of(const data_identity& identity);

/// What metadata_of() wrote; none where nobody did. Throws error::checkpoint where it is damaged.
std::optional<data_identity> identity_in(const io::metadata_map& metadata,
                                         const std::string& place);

/// One JSON object.
std::string to_json(const data_identity& identity);

/// Reads it back; `place` names the text in messages. Throws error::checkpoint.
data_identity read_identity(std::string_view json, const std::string& place);

/// What the second has otherwise than the first: "24 training images, not 16". The constants follow
/// from the rest.
std::vector<std::string> differences(const data_identity& before, const data_identity& now);

}  // namespace triptych::train

#ifndef TRIPTYCH_COMPILED
#include <triptych/train/data_identity_inl.hpp>
#endif
