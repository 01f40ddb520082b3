// triptych/backend/device/convolution/cudnn_graph.hpp
//
// The descriptors of cuDNN's graph API as values: one class that owns a descriptor, takes
// attributes of any type and turns the library's refusals into `triptych::error`. Needs cuDNN 9 and
// no GPU.
//
//   descriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
//   tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_DATA_FLOAT);
//   tensor.finalize();
//
// Source: cuDNN's backend API, cudnn_graph.h. Cost: a call into the library for each attribute.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <cudnn.h>

#include <triptych/core/error.hpp>

namespace triptych::conv_engine::cudnn {

/// The words of a status, with the library's own explanation where it has one.
inline std::string why(cudnnStatus_t status) {
  std::array<char, 1024> detail{};
  cudnnGetLastErrorString(detail.data(), detail.size());
  std::string text = cudnnGetErrorString(status);
  if (detail[0] != '\0') text += std::string(": ") + detail.data();
  return text;
}

/// Throws unless the call succeeded; `doing` ends "cuDNN failed while ...".
inline void check(cudnnStatus_t status, const char* doing) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  throw error::runtime(std::string("cuDNN failed while ") + doing + " (" + why(status) +
                       "); check the driver and the cuDNN version with `triptych doctor`, or go "
                       "on with `conv-engine` gemm");
}

// The library's name for the type of an attribute.
constexpr auto type_of(const char*) { return CUDNN_TYPE_CHAR; }
constexpr auto type_of(const std::int64_t*) { return CUDNN_TYPE_INT64; }
constexpr auto type_of(const float*) { return CUDNN_TYPE_FLOAT; }
constexpr auto type_of(void* const*) { return CUDNN_TYPE_VOID_PTR; }
constexpr auto type_of(const cudnnHandle_t*) { return CUDNN_TYPE_HANDLE; }
constexpr auto type_of(const cudnnDataType_t*) { return CUDNN_TYPE_DATA_TYPE; }
constexpr auto type_of(const cudnnConvolutionMode_t*) { return CUDNN_TYPE_CONVOLUTION_MODE; }
constexpr auto type_of(const cudnnBackendHeurMode_t*) { return CUDNN_TYPE_HEUR_MODE; }
constexpr auto type_of(const cudnnBackendKnobType_t*) { return CUDNN_TYPE_KNOB_TYPE; }
constexpr auto type_of(const cudnnBackendNumericalNote_t*) { return CUDNN_TYPE_NUMERICAL_NOTE; }
constexpr auto type_of(const cudnnBackendBehaviorNote_t*) { return CUDNN_TYPE_BEHAVIOR_NOTE; }

/// Owns one backend descriptor. Copied by the library when it becomes an attribute of another.
class descriptor {
 public:
  explicit descriptor(cudnnBackendDescriptorType_t type) {
    check(cudnnBackendCreateDescriptor(type, &raw_), "creating a descriptor");
  }
  descriptor(descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~descriptor() {
    if (raw_ != nullptr) cudnnBackendDestroyDescriptor(raw_);
  }

  [[nodiscard]] cudnnBackendDescriptor_t raw() const { return raw_; }

  template <class T, std::size_t Extent>
  void set(cudnnBackendAttributeName_t name, std::span<const T, Extent> values) {
    store(name, type_of(values.data()), values.size(), values.data());
  }
  template <class T>
  void set(cudnnBackendAttributeName_t name, const T& value) {
    store(name, type_of(&value), 1, &value);
  }
  void set(cudnnBackendAttributeName_t name, const descriptor& other) {
    store(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &other.raw_);  // itself a void*: no type to go by
  }

  [[nodiscard]] cudnnStatus_t try_finalize() { return cudnnBackendFinalize(raw_); }
  void finalize() { check(try_finalize(), "describing a convolution"); }

  /// The values of an attribute, `most` at most.
  template <class T>
  [[nodiscard]] std::vector<T> get(cudnnBackendAttributeName_t name, std::size_t most) const {
    std::vector<T> values(most);
    values.resize(fetch(name, type_of(values.data()), most, values.data()));
    return values;
  }
  template <class T>
  [[nodiscard]] T get(cudnnBackendAttributeName_t name) const {
    return get<T>(name, 1).at(0);
  }
  /// The descriptors of an attribute, `most` at most; `type` is what they are.
  [[nodiscard]] std::vector<descriptor>
  get(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type, std::size_t most) const {
    std::vector<descriptor> values;
    std::vector<cudnnBackendDescriptor_t> raw;
    while (values.size() < most) raw.push_back(values.emplace_back(type).raw_);
    const std::size_t found = fetch(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, raw.data());
    while (values.size() > found) values.pop_back();
    return values;
  }
  /// How many descriptors an attribute has. The library answers that for the results of its
  /// heuristics; of a configuration's choices it says 0, so `get` takes a generous `most` there.
  [[nodiscard]] std::size_t count(cudnnBackendAttributeName_t name) const {
    return fetch(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, nullptr);
  }

 private:
  void store(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::size_t size,
             const void* values) {
    check(cudnnBackendSetAttribute(raw_, name, type, static_cast<std::int64_t>(size), values),
          "describing a convolution");
  }
  std::size_t fetch(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                    std::size_t size, void* values) const {
    std::int64_t found = 0;
    check(
        cudnnBackendGetAttribute(raw_, name, type, static_cast<std::int64_t>(size), &found, values),
        "reading what it offers");
    return static_cast<std::size_t>(found);
  }

  cudnnBackendDescriptor_t raw_ = nullptr;
};

}  // namespace triptych::conv_engine::cudnn
