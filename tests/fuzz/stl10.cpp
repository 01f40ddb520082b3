// STL-10: labels, then, behind the first byte 0, pixels.
#include <triptych/data/stl10.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

FUZZ(input) {
  static const fuzz::directory set;
  const auto [labels, pixels] = fuzz::halves(input);
  set.write("train_X.bin", pixels);
  set.write("train_y.bin", labels);
  set.write("test_X.bin", pixels);
  set.write("test_y.bin", labels);
  fuzz::takes({error_kind::data}, [] {
    const auto read = data::read_stl10(set.path(), {.name = "stl10", .memory = 1u << 20});
    for (const auto label : read.train.labels) {
      fuzz::require(label >= 0 && label < 10, "labels of the set");
    }
  });
}
