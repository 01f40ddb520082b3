// What a call throws, for tests that look at the kind and at the sentence.
#pragma once

#include <string>

#include <triptych/core/error.hpp>

struct thrown_error {
  bool any = false;
  triptych::error_kind kind{};
  std::string sentence;

  [[nodiscard]] bool says(const std::string& part) const {
    return any && sentence.find(part) != std::string::npos;
  }
};

template <class Call>
thrown_error thrown_by(const Call& call) {
  try {
    call();
  } catch (const triptych::error& e) {
    return {true, e.kind(), e.what()};
  }
  return {};
}
