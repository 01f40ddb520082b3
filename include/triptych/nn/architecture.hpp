// triptych/nn/architecture.hpp
//
// What stands in a network, in the order of its arena: encoder, projector, predictor. The predictor
// comes last, so that networks without one are a prefix: copy and EMA act on that prefix.
//
//   x (N,H,W,3) -> encoder -> h (N,D) -> [combine] -> projector -> z (N,P) -> predictor -> p (N,P)
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <triptych/core/error.hpp>
#include <triptych/nn/mlp.hpp>
#include <triptych/nn/resnet.hpp>

namespace triptych::nn {

/// The sizes of an encoder's heads.
struct head_options {
  std::vector<int> projector = {2048, 2048, 2048};  ///< output sizes of the layers
  int predictor_hidden = 512;                       ///< 0: no predictor
  head_norm projector_norm = head_norm::all;
};

/// `Encoder` is an encoder; see nn/encoder.hpp.
template <class Encoder = resnet>
struct architecture {
  Encoder encoder;
  mlp projector;
  mlp predictor;
  /// In training a network works off a batch in so many parts, one after another: the maps of one
  /// part alone are in memory. BatchNorm takes a part as a batch.
  int micro_batches = 1;

  explicit architecture(Encoder e = Encoder(), const head_options& head = {})
      : encoder(std::move(e)),
        projector(encoder.out(), projector_layers(head.projector, head.projector_norm)) {
    if (head.predictor_hidden > 0) {
      predictor = {projector.out(), predictor_layers(head.predictor_hidden, projector.out())};
    }
  }

  /// With heads of any layers; an empty one is the identity. Throws error::usage where a head's
  /// input size is not the output size of what is before it.
  architecture(Encoder e, mlp project, mlp predict)
      : encoder(std::move(e)), projector(std::move(project)), predictor(std::move(predict)) {
    expect("the projector", projector, encoder.out(), "the encoder");
    if (projector.empty()) projector = mlp(encoder.out(), {});
    expect("the predictor", predictor, projector.out(), "the projector");
  }

  /// The same with another predictor. Throws error::usage where it does not fit the projector.
  [[nodiscard]] architecture with_predictor(mlp other) const {
    architecture s = *this;
    s.predictor = std::move(other);
    expect("the predictor", s.predictor, projector.out(), "the projector");
    return s;
  }
  /// The same with the identity for its predictor.
  [[nodiscard]] architecture without_predictor() const { return with_predictor(mlp()); }

  /// Declares all layers; returns the offset at which the predictor's weights begin.
  std::size_t declare(declaration& d) {
    d.within("encoder.", [&] { encoder.declare(d); });
    d.within("projector.", [&] { projector.declare(d); });
    const std::size_t predictor_begin = d.weights.size();
    d.within("predictor.", [&] { predictor.declare(d); });
    return predictor_begin;
  }

 private:
  static void expect(const std::string& who, const mlp& head, int given, const std::string& whose) {
    if (head.empty() || head.in() == given) return;
    throw error::usage("architecture: " + who + " takes " + std::to_string(head.in()) +
                       " features and " + whose + " gives " + std::to_string(given) +
                       "; make them the same");
  }
};

}  // namespace triptych::nn
