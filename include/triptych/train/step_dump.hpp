// triptych/train/step_dump.hpp
//
// One training step as numbers that anyone can recompute: every input, weight, intermediate result,
// gradient and loss in PyTorch's layouts, under the names of docs/file_formats.md.
//
//   step_dump dump(method);                    // copies before/...
//   method.step(x, options, dump.trace());  // copies view/, z/, p/, c/, nn/, ...
//   dump.finish(report);                       // copies grad/, after/, loss/
//   dump.save(path, config_json);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <triptych/io/safetensors.hpp>
#include <triptych/method/learner.hpp>
#include <triptych/train/host_tensor.hpp>

namespace triptych::train {

template <class B, class Architecture = nn::architecture<>>
class step_dump {
 public:
  using method_type = method::learner<B, Architecture>;
  using real = typename B::real;

  explicit step_dump(method_type& method) : method_(&method) { snapshot("before"); }

  /// For Method::step; refers to this dump.
  [[nodiscard]] method::trace<real> trace() {
    method::trace<real> t;
    t.on_tensor = [this](const std::string& name, tensor<const real> rows) { keep(name, rows); };
    t.on_indices = [this](const std::string& name, const int* at, std::int64_t count) {
      std::vector<int> host(static_cast<std::size_t>(count));
      method_->backend().download_indices(at, host.size(), host.data());
      indices_.push_back({name, {count}, {host.begin(), host.end()}});
    };
    return t;
  }

  void finish(const method::step_report& report) {
    append(download(method_->backend(), method_->gradients(), "grad/"));
    snapshot("after");
    const auto& terms = method_->about().terms;
    for (std::size_t i = 0; i < terms.size(); ++i) {
      if (!terms[i].empty()) scalar("loss/" + std::string(terms[i]), report.terms[i]);
    }
    scalar("loss/total", report.loss);
  }

  [[nodiscard]] const std::vector<host_tensor<real>>& tensors() const { return tensors_; }
  [[nodiscard]] const std::vector<host_tensor<std::int64_t>>& indices() const { return indices_; }

  /// `config`: the run's options as a JSON object, stored under the metadata key "config".
  void save(const std::filesystem::path& path, const std::string& config) const {
    auto all = sources(tensors_);
    const auto found = sources(indices_);
    all.insert(all.end(), found.begin(), found.end());
    io::save_safetensors(path, all, {{"config", config}});
  }

 private:
  void snapshot(const std::string& when) {
    for (const auto& arena : method_->arenas()) {
      const bool memory = arena.role == method::arena_role::memory;
      auto copies = download(method_->backend(), arena, memory ? "" : when + "/");
      if (memory) {
        for (auto& t : copies) t.name += "/" + when;
      }
      append(std::move(copies));
    }
  }

  void append(std::vector<host_tensor<real>> more) {
    for (auto& t : more) tensors_.push_back(std::move(t));
  }

  void keep(const std::string& name, tensor<const real> t) {
    const auto& s = t.shape;
    host_tensor<real> copy{name, {s.images, s.channels}, std::vector<real>(t.size())};
    method_->backend().download(t.data, t.size(), copy.values.data());
    if (s.height * s.width > 1) {  // images: to (N, C, H, W)
      copy.shape = {s.images, s.channels, s.height, s.width};
      const std::vector<real> ours = copy.values;
      const std::int64_t pixels = std::int64_t{s.height} * s.width;
      for (std::int64_t n = 0; n < s.images; ++n) {
        for (std::int64_t p = 0; p < pixels; ++p) {
          for (std::int64_t c = 0; c < s.channels; ++c) {
            copy.values[static_cast<std::size_t>((n * s.channels + c) * pixels + p)] =
                ours[static_cast<std::size_t>((n * pixels + p) * s.channels + c)];
          }
        }
      }
    }
    tensors_.push_back(std::move(copy));
  }

  void scalar(const std::string& name, double value) {
    tensors_.push_back({name, {}, {static_cast<real>(value)}});
  }

  method_type* method_;
  std::vector<host_tensor<real>> tensors_;
  std::vector<host_tensor<std::int64_t>> indices_;
};

}  // namespace triptych::train
