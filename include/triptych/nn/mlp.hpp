// triptych/nn/mlp.hpp
//
// Projector and predictor: linear layers, each with the BatchNorm and relu that its entry asks for.
//   projector  D -> 2048 BN relu -> 2048 BN relu -> 2048 BN     (method.md section 1)
//   predictor  2048 -> 512 BN relu -> 2048
//   prototypes 128 -> rows of length 1 -> 3000, a linear layer without bias     (SwAV)
// An empty list is the identity: a network without predictor. Names are nn.Sequential's indices.
#pragma once

#include <string>
#include <vector>

#include <triptych/nn/batch_norm.hpp>
#include <triptych/nn/linear.hpp>

namespace triptych::nn {

/// One layer of an mlp.
struct mlp_layer {
  int out = 0;
  bool norm = true;
  bool relu = true;
  bool affine = true;  ///< its BatchNorm has weight and bias
};

/// Where a projector has BatchNorm: after every layer; after every layer, the last without weight
/// and bias (SimSiam); after all but the last (BYOL); nowhere (MoCo v2).
enum class head_norm { all, plain, hidden, none };

/// Hidden layers with relu, the last one without, BatchNorm where `norm` says.
inline std::vector<mlp_layer> projector_layers(const std::vector<int>& sizes,
                                               head_norm norm = head_norm::all) {
  std::vector<mlp_layer> layers;
  for (const int size : sizes) layers.push_back({size, norm != head_norm::none, true});
  if (layers.empty()) return layers;
  auto& last = layers.back();
  last.relu = false;
  last.norm = norm == head_norm::all || norm == head_norm::plain;
  last.affine = norm != head_norm::plain;
  return layers;
}

/// A bottleneck with BatchNorm and relu, then a bare linear layer back to `out`.
inline std::vector<mlp_layer> predictor_layers(int hidden, int out) {
  return {{hidden, true, true}, {out, false, false}};
}

class mlp {
 public:
  mlp() = default;
  mlp(int in, const std::vector<mlp_layer>& layers) : in_(in), out_(in) {
    for (const auto& layer : layers) {
      stages_.push_back(
          {{.in = out_, .out = layer.out}, {.channels = layer.out, .affine = layer.affine}, layer});
      out_ = layer.out;
    }
  }

  /// The cosines of rows with `count` vectors, as long as the rows of its weight have length 1.
  static mlp prototypes(int in, int count) {
    mlp m(in, {{.out = count, .norm = false, .relu = false}});
    m.stages_.front().dense.has_bias = false;
    m.unit_input_ = true;
    return m;
  }

  [[nodiscard]] int in() const { return in_; }
  [[nodiscard]] int out() const { return out_; }
  [[nodiscard]] bool empty() const { return stages_.empty(); }

  void declare(declaration& d) {
    int index = 0;  // of nn.Sequential: linear, norm and relu each count
    for (auto& s : stages_) {
      s.dense.declare(d, std::to_string(index++));
      if (s.layer.norm) s.norm.declare(d, std::to_string(index++));
      if (s.layer.relu) ++index;
    }
  }

  /// x (N, in) -> (N, out); the result is x itself where the mlp is empty.
  template <class B>
  [[nodiscard]] tensor<const typename B::real> forward(const pass<B>& p,
                                                       tensor<const typename B::real> x) const {
    if (empty()) return x;
    const auto last = p.take(features(x.shape.images, out_, x.shape.groups));
    const auto scope = p.temporaries();
    if (unit_input_) x = unit_rows(p, x);
    for (const auto& s : stages_) {
      const auto y = &s == &stages_.back() ? last : p.take(s.dense.output(x.shape));
      const auto mapped = s.layer.norm && p.recording() ? p.take(y.shape) : y;
      s.dense.forward(p, x, s.layer.relu && !s.layer.norm, mapped);
      if (s.layer.norm) s.norm.forward(p, mapped, nullptr, s.layer.relu, y);
      x = y;
    }
    return x;
  }

  /// dy (N, out), overwritten -> dx (N, in); dy itself where the mlp is empty.
  template <class B>
  [[nodiscard]] tensor<typename B::real> backward(const pass<B>& p,
                                                  tensor<typename B::real> dy) const {
    for (auto s = stages_.rbegin(); s != stages_.rend(); ++s) {
      if (s->layer.norm) dy = s->norm.backward(p, dy).dx;
      shape in = dy.shape;
      in.channels = s->dense.in;
      const auto dx = p.take(in);
      s->dense.backward(p, dy, dx.data);
      dy = dx;
    }
    return unit_input_ ? through_unit_rows(p, dy) : dy;
  }

 private:
  /// x / |x|; keeps that, and the inverse lengths.
  template <class B>
  static tensor<const typename B::real> unit_rows(const pass<B>& p,
                                                  tensor<const typename B::real> x) {
    const auto unit = p.take(x.shape), inverse = p.take(features(x.shape.images, 1));
    p.backend.normalize_rows_forward(x.shape.images, x.shape.channels, x.data, unit.data,
                                     inverse.data);
    if (p.recording()) {
      p.tape->push(unit);
      p.tape->push(inverse);
    }
    return unit;
  }

  template <class B>
  static tensor<typename B::real> through_unit_rows(const pass<B>& p,
                                                    tensor<typename B::real> dunit) {
    using real = typename B::real;
    const auto inverse = p.tape->template pop<const real>();
    const auto unit = p.tape->template pop<const real>();
    const auto dx = p.take(unit.shape);
    p.backend.fill(dx.data, dx.size(), real(0));
    p.backend.normalize_rows_backward(unit.shape.images, unit.shape.channels, unit.data,
                                      inverse.data, dunit.data, real(1), dx.data);
    return dx;
  }

  struct stage {
    linear dense;
    batch_norm norm;
    mlp_layer layer;
  };
  std::vector<stage> stages_;
  int in_ = 0, out_ = 0;
  bool unit_input_ = false;  ///< rows are made as long as 1 first
};

}  // namespace triptych::nn
