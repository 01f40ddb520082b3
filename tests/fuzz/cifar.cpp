// Records of CIFAR-10 and, where the first byte is odd, CIFAR-100.
#include <triptych/data/cifar.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

FUZZ(input) {
  if (input.empty()) return;
  const auto layout = input[0] % 2 == 0 ? data::cifar10_layout() : data::cifar100_layout();
  const auto file = fuzz::as_file(input.subspan(1));
  fuzz::takes({error_kind::data}, [&] {
    data::image_set set;
    const auto records = data::append_cifar_file(layout, file, layout.train_limit, 2, set);
    fuzz::require(records * layout.record_bytes() == static_cast<std::int64_t>(input.size()) - 1,
                  "whole records");
    fuzz::require(set.size() == std::min<std::int64_t>(records, 2), "as many as were asked for");
    for (const auto label : set.labels) {
      fuzz::require(label >= 0 && label < layout.classes(), "labels of the set");
    }
  });
}
