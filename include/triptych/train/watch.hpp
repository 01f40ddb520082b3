// triptych/train/watch.hpp
//
// Looks at a step for the monitors (monitor.hpp): copies the tensors that they want while the step
// runs, the rows of all ranks, and asks them afterwards.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/comm/ranks.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/method/step.hpp>
#include <triptych/train/monitor.hpp>

namespace triptych::train {

template <class B>
class watch {
 public:
  using real = typename B::real;

  watch(B& backend, std::vector<monitor> monitors)
      : backend_(&backend), monitors_(std::move(monitors)) {}

  /// To be given to the step that is looked at; passes everything on to `also`. Forgets what was
  /// seen before; this object must outlive the step.
  [[nodiscard]] method::trace<real> trace(const method::trace<real>& also) {
    seen_.assign(monitors_.size(), {});
    neighbors_.clear();
    method::trace<real> t;
    t.on_tensor = [this, also](const std::string& name, tensor<const real> rows) {
      also(name, rows);
      for (std::size_t m = 0; m < monitors_.size(); ++m) see(monitors_[m], name, rows, seen_[m]);
    };
    t.on_indices = [this, also](const std::string& name, const int* at, std::int64_t count) {
      if (also.on_indices) also.on_indices(name, at, count);
      if (name != "nn/1") return;
      const arena_frame scope(backend_->arena());
      const auto all = static_cast<std::size_t>(count * ranks::count(*backend_));
      std::vector<int> copy(all);
      backend_->download_indices(ranks::gathered(*backend_, at, count), all, copy.data());
      neighbors_.assign(copy.begin(), copy.end());
    };
    return t;
  }

  /// What the monitors say of the step, in the order of columns_of(monitors).
  [[nodiscard]] monitor_values examine(std::span<const std::int32_t> labels,
                                       const seen_queue& queue) const {
    const auto neighbors = neighbors_in_order(labels.size());
    monitor_values all;
    for (std::size_t m = 0; m < monitors_.size(); ++m) {
      const auto values = monitors_[m].values({seen_[m].rows, neighbors, labels, queue});
      if (values.size() != monitors_[m].columns.size()) {
        throw error::usage("a monitor of " + std::to_string(monitors_[m].columns.size()) +
                           " columns gave " + std::to_string(values.size()) +
                           " values; give one for each, nothing where it cannot be said");
      }
      all.insert(all.end(), values.begin(), values.end());
    }
    return all;
  }

 private:
  /// The neighbors of `images` images, those of rank 1 of all images before those of rank 2, and of
  /// each the images in their order: what the processes have given is one run of all that for each.
  [[nodiscard]] std::vector<std::int64_t> neighbors_in_order(std::size_t images) const {
    const auto processes = static_cast<std::size_t>(ranks::count(*backend_));
    const std::size_t own = images / processes, each = images == 0 ? 0 : neighbors_.size() / images;
    std::vector<std::int64_t> all;
    for (std::size_t of = 0; of < each; ++of) {
      for (std::size_t p = 0; p < processes; ++p) {
        const auto first = neighbors_.begin() + static_cast<std::ptrdiff_t>((p * each + of) * own);
        all.insert(all.end(), first, first + static_cast<std::ptrdiff_t>(own));
      }
    }
    return all;
  }

  struct seen {
    seen_rows rows{};
    std::size_t wish =
        std::numeric_limits<std::size_t>::max();  ///< which of a monitor's names, from 0
  };

  void see(const monitor& m, const std::string& name, tensor<const real> own, seen& of) const {
    const auto found = std::find(m.tensors.begin(), m.tensors.end(), name);
    const auto wish = static_cast<std::size_t>(found - m.tensors.begin());
    if (found == m.tensors.end() || wish >= of.wish) return;
    const arena_frame scope(backend_->arena());
    const auto rows = ranks::gathered(*backend_, own);
    std::vector<real> copy(rows.size());
    backend_->download(rows.data, rows.size(), copy.data());
    of = {{{copy.begin(), copy.end()}, rows.shape.images, rows.shape.channels}, wish};
  }

  B* backend_;
  std::vector<monitor> monitors_;
  std::vector<seen> seen_;  ///< by the monitors
  std::vector<std::int64_t> neighbors_;
};

}  // namespace triptych::train
