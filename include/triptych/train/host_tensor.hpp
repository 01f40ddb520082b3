// triptych/train/host_tensor.hpp
//
// Between a backend's arenas and files: the tensors of an arena as host arrays under their full
// names, in PyTorch's shapes and orders (nn/parameters.hpp says how ours differ).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <triptych/io/safetensors.hpp>
#include <triptych/method/step.hpp>
#include <triptych/nn/parameters.hpp>

namespace triptych::train {

/// A named array in host memory, in PyTorch's order.
template <class T>
struct host_tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<T> values;

  [[nodiscard]] io::tensor_source source() const {
    return io::tensor_of<T>(name, io::tensor_shape(shape.begin(), shape.end()), values);
  }
};

template <class T>
std::vector<io::tensor_source> sources(const std::vector<host_tensor<T>>& tensors) {
  std::vector<io::tensor_source> all;
  for (const auto& t : tensors) all.push_back(t.source());
  return all;
}

/// The arena's tensors, each named `prefix` + the arena's prefix + its own name.
template <class B>
std::vector<host_tensor<typename B::real>>
download(B& backend, const method::named_arena<typename B::real>& arena,
         const std::string& prefix = "") {
  using real = typename B::real;
  std::vector<real> all(arena.list->size());
  backend.download(arena.data, all.size(), all.data());
  std::vector<host_tensor<real>> tensors;
  for (const auto& p : *arena.list) {
    host_tensor<real> t{prefix + arena.prefix + p.name, p.shape, std::vector<real>(p.size())};
    nn::in_torch_order(
        p, [&](std::size_t torch, std::size_t here) { t.values[torch] = all[p.offset + here]; });
    tensors.push_back(std::move(t));
  }
  return tensors;
}

/// Overwrites the arena's tensors: find(full name) gives each one's values in PyTorch's order.
template <class B, class Find>
void upload(B& backend, const method::named_arena<typename B::real>& arena, const Find& find) {
  using real = typename B::real;
  std::vector<real> all(arena.list->size(), real(0));
  for (const auto& p : *arena.list) {
    const std::vector<real> values = find(arena.prefix + p.name);
    nn::in_torch_order(
        p, [&](std::size_t torch, std::size_t here) { all[p.offset + here] = values.at(torch); });
  }
  backend.upload(all.data(), all.size(), arena.data);
}

}  // namespace triptych::train
