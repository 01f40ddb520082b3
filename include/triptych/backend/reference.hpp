// triptych/backend/reference.hpp
//
// The oracle: every operation of the backend concept as plain loops straight from its definition.
// It shares no line with any other backend, so that no common error can cancel when one is compared
// with it.
//
//   N images, H x W pixels, C channels, row-major (N, H, W, C); weights (kernel, kernel, in, out)
//
// Sums are double whatever `T` is, and are rounded once, when stored: that makes `reference<float>`
// the better oracle, for what a comparison shows is then the other backend's error alone.
// Source: the comments of concepts/backend.hpp. Cost: one thread and no blocking; for tests, golden
// files and double precision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <triptych/backend/cpu/steps_at_once.hpp>
#include <triptych/concepts/backend.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::backend {

template <class T = double>
class reference : public steps_at_once<reference<T>, T> {
 public:
  using real = T;
  using activation = T;
  using allocator = host_allocator;

  /// `threads` is there for the other backends' sake: one thread does it all.
  explicit reference(int threads = 1) { static_cast<void>(threads); }

  [[nodiscard]] stack_arena<>& arena() noexcept { return arena_; }

  // -- moving numbers ---------------------------------------------------------------------------

  void upload(const T* host, std::size_t n, T* x) { std::copy_n(host, n, x); }
  void download(const T* x, std::size_t n, T* host) { std::copy_n(x, n, host); }
  void upload_indices(const int* host, std::size_t n, int* x) { std::copy_n(host, n, x); }
  void download_indices(const int* x, std::size_t n, int* host) { std::copy_n(x, n, host); }
  void copy(const T* x, std::size_t n, T* y) { std::copy_n(x, n, y); }
  void fill(T* x, std::size_t n, T value) { std::fill_n(x, n, value); }

  template <class Functor>
  void each(std::size_t n, const Functor& f) {
    for (std::size_t i = 0; i < n; ++i) f(i);
  }

  template <class Functor>
  void each_row(std::int64_t rows, std::int64_t /*numbers*/, const Functor& f) {
    for (std::int64_t r = 0; r < rows; ++r) f(kernels::lanes<1>{}, r);
  }

  // -- flat vectors -----------------------------------------------------------------------------

  void add(const T* x, std::size_t n, T* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] += x[i];
  }

  void multiply(const T* x, std::size_t n, T* y) {
    for (std::size_t i = 0; i < n; ++i) y[i] *= x[i];
  }

  void scale(T factor, std::size_t n, T* x) {
    for (std::size_t i = 0; i < n; ++i) x[i] *= factor;
  }

  void interpolate(T keep, const T* source, std::size_t n, T* target) {
    if (!this->is_open()) return;
    for (std::size_t i = 0; i < n; ++i) target[i] = keep * target[i] + (1 - keep) * source[i];
  }

  void sgd(std::size_t n, const T* gradient, T learning_rate, T momentum, T decay,
           const T* gradient_scale, T* momentum_buffer, T* weight) {
    if (!this->is_open()) return;
    for (std::size_t i = 0; i < n; ++i) {
      const T g = *gradient_scale * gradient[i] + decay * weight[i];
      momentum_buffer[i] = momentum * momentum_buffer[i] + g;
      weight[i] -= learning_rate * momentum_buffer[i];
    }
  }

  [[nodiscard]] double sum_of_squares(const T* x, std::size_t n) const {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += double(x[i]) * double(x[i]);
    return sum;
  }

  [[nodiscard]] bool all_finite(const T* x, std::size_t n) const {
    return std::all_of(x, x + n, [](T v) { return std::isfinite(v); });
  }

  void mean(const T* x, std::size_t n, T scale, T* y) {
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += double(x[i]);
    *y = static_cast<T>(double(scale) * sum / static_cast<double>(n));
  }

  // -- matrix product ---------------------------------------------------------------------------

  /// beta = 0 overwrites c without reading it.
  void gemm(transpose ta, transpose tb, std::int64_t m, std::int64_t n, std::int64_t k, T alpha,
            const T* a, const T* b, T beta, T* c) {
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < k; ++l) {
          const double left = double(ta == transpose::no ? a[i * k + l] : a[l * m + i]);
          const double right = double(tb == transpose::no ? b[l * n + j] : b[j * k + l]);
          sum += left * right;
        }
        const double before = beta == 0 ? 0 : double(beta) * double(c[i * n + j]);
        c[i * n + j] = static_cast<T>(double(alpha) * sum + before);
      }
    }
  }

  // -- convolution and linear layers ------------------------------------------------------------

  void convolution_forward(const convolution::geometry& g, const T* x, const T* w, T* y) {
    sums total(g.images * g.out_height() * g.out_width() * g.out);
    each_tap(g, [&](std::int64_t from, std::int64_t tap, std::int64_t to) {
      for (int i = 0; i < g.in; ++i) {
        for (int o = 0; o < g.out; ++o) {
          total[to * g.out + o] +=
              double(x[from * g.in + i]) * double(w[(tap * g.in + i) * g.out + o]);
        }
      }
    });
    total.store(false, y);
  }

  void convolution_backward_data(const convolution::geometry& g, const T* dy, const T* w, T* dx,
                                 bool accumulate) {
    sums total(g.images * g.height * g.width * g.in);
    each_tap(g, [&](std::int64_t from, std::int64_t tap, std::int64_t to) {
      for (int i = 0; i < g.in; ++i) {
        for (int o = 0; o < g.out; ++o) {
          total[from * g.in + i] +=
              double(dy[to * g.out + o]) * double(w[(tap * g.in + i) * g.out + o]);
        }
      }
    });
    total.store(accumulate, dx);
  }

  void convolution_backward_weights(const convolution::geometry& g, const T* x, const T* dy, T* dw,
                                    bool accumulate) {
    sums total(std::int64_t{g.kernel} * g.kernel * g.in * g.out);
    each_tap(g, [&](std::int64_t from, std::int64_t tap, std::int64_t to) {
      for (int i = 0; i < g.in; ++i) {
        for (int o = 0; o < g.out; ++o) {
          total[(tap * g.in + i) * g.out + o] +=
              double(x[from * g.in + i]) * double(dy[to * g.out + o]);
        }
      }
    });
    total.store(accumulate, dw);
  }

  void bias_forward(std::int64_t rows, int channels, const T* bias, bool relu, T* y) {
    for (std::int64_t r = 0; r < rows; ++r) {
      for (int c = 0; c < channels; ++c) {
        const T v = y[r * channels + c] + bias[c];
        y[r * channels + c] = relu ? rectify(v) : v;
      }
    }
  }

  void bias_backward(std::int64_t rows, int channels, const T* y, T* dy, T* dbias) {
    if (y != nullptr) mask(rows * channels, y, dy);
    for (int c = 0; c < channels; ++c) {
      double sum = 0;
      for (std::int64_t r = 0; r < rows; ++r) sum += double(dy[r * channels + c]);
      dbias[c] += static_cast<T>(sum);
    }
  }

  // -- batch normalization ----------------------------------------------------------------------

  /// The variance is biased (divided by the rows) for normalizing, unbiased (by one less) for the
  /// running statistics. Throws `error::usage` for groups of one row, which have none.
  void batch_norm_moments(const norm_shape& s, const T* x, moment* moments) {
    for (int group = 0; group < s.groups; ++group) {
      for (int c = 0; c < s.channels; ++c) {
        const auto at = [&](std::int64_t r) { return (group * s.rows + r) * s.channels + c; };
        const auto count = static_cast<double>(s.rows);
        double sum = 0, squares = 0;
        for (std::int64_t r = 0; r < s.rows; ++r) sum += double(x[at(r)]);
        const double mean = sum / count;
        for (std::int64_t r = 0; r < s.rows; ++r) squares += square(double(x[at(r)]) - mean);
        moments[group * s.channels + c] = {count, mean, squares};
      }
    }
  }

  void batch_norm_factors(int groups, int channels, const moment* moments, const T* weight,
                          const T* bias, T epsilon, running_statistics<T> running, T* mean,
                          T* inverse_deviation, T* factor, T* shift) {
    for (int group = 0; group < groups; ++group) {
      for (int c = 0; c < channels; ++c) {
        const int at = group * channels + c;
        const moment& m = moments[at];
        const double inverse = 1 / std::sqrt(m.squares / m.count + double(epsilon));
        mean[at] = static_cast<T>(m.mean);
        inverse_deviation[at] = static_cast<T>(inverse);
        factor[at] = static_cast<T>(double(weight[c]) * inverse);
        shift[at] = static_cast<T>(double(bias[c]) - m.mean * double(weight[c]) * inverse);
        if (running.mean == nullptr) continue;
        const double moved = double(running.momentum), unbiased = m.squares / (m.count - 1);
        running.mean[c] = static_cast<T>((1 - moved) * double(running.mean[c]) + moved * m.mean);
        running.variance[c] =
            static_cast<T>((1 - moved) * double(running.variance[c]) + moved * unbiased);
      }
    }
  }

  void batch_norm_running_factors(int channels, const T* weight, const T* bias, T epsilon,
                                  const T* running_mean, const T* running_variance, T* factor,
                                  T* shift) {
    for (int c = 0; c < channels; ++c) {
      const double f = double(weight[c]) / std::sqrt(double(running_variance[c]) + double(epsilon));
      factor[c] = static_cast<T>(f);
      shift[c] = static_cast<T>(double(bias[c]) - double(running_mean[c]) * f);
    }
  }

  void batch_norm_apply(const norm_shape& s, const T* x, const T* factor, const T* shift,
                        const T* residual, bool relu, T* y) {
    for (std::int64_t r = 0; r < s.groups * s.rows; ++r) {
      for (int c = 0; c < s.channels; ++c) {
        const std::int64_t at = r * s.channels + c, statistic = r / s.rows * s.channels + c;
        double v = double(x[at]) * double(factor[statistic]) + double(shift[statistic]);
        if (residual != nullptr) v += double(residual[at]);
        y[at] = static_cast<T>(relu ? rectify(v) : v);
      }
    }
  }

  void batch_norm_sums(const norm_shape& s, const T* x, const T* y, const T* mean,
                       const T* inverse_deviation, T* dy, double* totals, T* dweight, T* dbias) {
    if (y != nullptr) mask(s.rows * s.groups * s.channels, y, dy);
    const int statistics = s.groups * s.channels;
    for (int c = 0; c < s.channels; ++c) {
      double all_dy = 0, all_dy_normal = 0;
      for (int group = 0; group < s.groups; ++group) {
        const int of = group * s.channels + c;
        double sum = 0, dot = 0;
        for (std::int64_t r = 0; r < s.rows; ++r) {
          const std::int64_t at = (group * s.rows + r) * s.channels + c;
          sum += double(dy[at]);
          dot +=
              double(dy[at]) * (double(x[at]) - double(mean[of])) * double(inverse_deviation[of]);
        }
        all_dy += totals[of] = sum;
        all_dy_normal += totals[statistics + of] = dot;
      }
      dbias[c] += static_cast<T>(all_dy);
      dweight[c] += static_cast<T>(all_dy_normal);
    }
  }

  /// With n the normalized x:  dx = weight / deviation * (dy - mean(dy) - n mean(dy n)).
  void batch_norm_gradient(const norm_shape& s, std::int64_t rows, const T* x, const T* dy,
                           const T* weight, const T* mean, const T* inverse_deviation,
                           const double* totals, T* dx) {
    const auto count = static_cast<double>(rows);
    const int statistics = s.groups * s.channels;
    for (std::int64_t r = 0; r < s.groups * s.rows; ++r) {
      for (int c = 0; c < s.channels; ++c) {
        const std::int64_t at = r * s.channels + c, of = r / s.rows * s.channels + c;
        const double inverse = double(inverse_deviation[of]);
        const double normal = (double(x[at]) - double(mean[of])) * inverse;
        const double d =
            double(dy[at]) - totals[of] / count - normal * totals[statistics + of] / count;
        dx[at] = static_cast<T>(double(weight[c]) * inverse * d);
      }
    }
  }

  // -- pooling and patches ----------------------------------------------------------------------

  /// The first largest value of a window wins, and NaN wins over all, so that it is seen.
  void max_pool_forward(const shape& in, int kernel, int stride, int padding, const T* x, T* y,
                        int* argmax) {
    const std::int64_t height = (in.height + 2 * padding - kernel) / stride + 1;
    const std::int64_t width = (in.width + 2 * padding - kernel) / stride + 1;
    for (std::int64_t n = 0; n < in.images; ++n) {
      for (int row = 0; row < height; ++row) {
        for (int column = 0; column < width; ++column) {
          for (int c = 0; c < in.channels; ++c) {
            const auto value = [&](int pixel) {
              return x[(n * in.height * in.width + pixel) * in.channels + c];
            };
            int best = -1;
            for (int i = 0; i < kernel; ++i) {
              for (int j = 0; j < kernel; ++j) {
                const int h = row * stride + i - padding, w = column * stride + j - padding;
                if (h < 0 || h >= in.height || w < 0 || w >= in.width) continue;
                const int here = h * in.width + w;
                if (best < 0 || value(here) > value(best) || std::isnan(value(here))) best = here;
              }
            }
            const std::int64_t to = ((n * height + row) * width + column) * in.channels + c;
            y[to] = value(best);
            argmax[to] = best;
          }
        }
      }
    }
  }

  void max_pool_backward(const shape& in, int out_height, int out_width, const T* dy,
                         const int* argmax, T* dx) {
    const std::int64_t in_pixels = std::int64_t{in.height} * in.width;
    const std::int64_t out_pixels = std::int64_t{out_height} * out_width;
    sums total(in.images * in_pixels * in.channels);
    for (std::int64_t n = 0; n < in.images; ++n) {
      for (std::int64_t p = 0; p < out_pixels; ++p) {
        for (int c = 0; c < in.channels; ++c) {
          const std::int64_t from = (n * out_pixels + p) * in.channels + c;
          total[(n * in_pixels + argmax[from]) * in.channels + c] += double(dy[from]);
        }
      }
    }
    total.store(false, dx);
  }

  void average_pool_forward(const shape& in, const T* x, T* y) {
    const int pixels = in.height * in.width;
    for (std::int64_t n = 0; n < in.images; ++n) {
      for (int c = 0; c < in.channels; ++c) {
        double sum = 0;
        for (int p = 0; p < pixels; ++p) sum += double(x[(n * pixels + p) * in.channels + c]);
        y[n * in.channels + c] = static_cast<T>(sum / pixels);
      }
    }
  }

  void average_pool_backward(const shape& in, const T* dy, T* dx) {
    const int pixels = in.height * in.width;
    for (std::int64_t n = 0; n < in.images; ++n) {
      for (int p = 0; p < pixels; ++p) {
        for (int c = 0; c < in.channels; ++c) {
          dx[(n * pixels + p) * in.channels + c] = dy[n * in.channels + c] / static_cast<T>(pixels);
        }
      }
    }
  }

  void divide(const shape& in, int grid, const T* x, T* patches) {
    const int height = in.height / grid, width = in.width / grid;
    for (std::int64_t n = 0; n < in.images; ++n) {
      for (int h = 0; h < in.height; ++h) {
        for (int w = 0; w < in.width; ++w) {
          const int patch = h / height * grid + w / width;
          const std::int64_t image = patch * in.images + n;
          const std::int64_t from = (n * in.height + h) * in.width + w;
          const std::int64_t to = (image * height + h % height) * width + w % width;
          std::copy_n(x + from * in.channels, in.channels, patches + to * in.channels);
        }
      }
    }
  }

  void combine_forward(const subset_means& s, const T* patches, T* means) {
    sums total(s.groups * s.combinations * s.images * s.channels);
    each_member(s, [&](std::int64_t patch, std::int64_t subset) {
      for (int c = 0; c < s.channels; ++c) {
        total[subset * s.channels + c] += double(patches[patch * s.channels + c]) / s.size;
      }
    });
    total.store(false, means);
  }

  void combine_backward(const subset_means& s, const T* dmeans, T* dpatches) {
    sums total(s.groups * s.patches * s.images * s.channels);
    each_member(s, [&](std::int64_t patch, std::int64_t subset) {
      for (int c = 0; c < s.channels; ++c) {
        total[patch * s.channels + c] += double(dmeans[subset * s.channels + c]) / s.size;
      }
    });
    total.store(false, dpatches);
  }

  // -- losses and memory ------------------------------------------------------------------------

  void normalize_rows_forward(std::int64_t rows, int columns, const T* x, T* y, T* inverse_norm) {
    for (std::int64_t r = 0; r < rows; ++r) {
      const T* row = x + r * columns;
      const double norm = std::sqrt(sum_of_squares(row, static_cast<std::size_t>(columns)));
      const double inverse = 1 / std::max(norm, 1e-12);
      for (int c = 0; c < columns; ++c)
        y[r * columns + c] = static_cast<T>(double(row[c]) * inverse);
      inverse_norm[r] = static_cast<T>(inverse);
    }
  }

  /// dx += scale / |x| * (dy - y (y . dy)); rows shorter than 1e-12 get it as if they were not.
  void normalize_rows_backward(std::int64_t rows, int columns, const T* y, const T* inverse_norm,
                               const T* dy, T scale, T* dx) {
    for (std::int64_t r = 0; r < rows; ++r) {
      double along = 0;
      for (int c = 0; c < columns; ++c)
        along += double(y[r * columns + c]) * double(dy[r * columns + c]);
      for (int c = 0; c < columns; ++c) {
        const std::int64_t at = r * columns + c;
        dx[at] += static_cast<T>(double(scale) * double(inverse_norm[r]) *
                                 (double(dy[at]) - double(y[at]) * along));
      }
    }
  }

  void softmax_cross_entropy(const logit_shape& s, T scale, T* logits, T* row_loss) {
    for (std::int64_t r = 0; r < s.rows; ++r) {
      T* row = logits + r * s.columns;
      const std::int64_t label = (r + s.label_offset) % s.columns;
      const auto left_out = [&](std::int64_t c) { return c < s.positives && c != label; };
      double largest = double(row[label]);
      for (std::int64_t c = 0; c < s.columns; ++c) {
        if (!left_out(c)) largest = std::max(largest, double(row[c]));
      }
      double sum = 0;
      for (std::int64_t c = 0; c < s.columns; ++c) {
        if (!left_out(c)) sum += std::exp(double(row[c]) - largest);
      }
      row_loss[r] = static_cast<T>(std::log(sum) - (double(row[label]) - largest));
      for (std::int64_t c = 0; c < s.columns; ++c) {
        const double probability = left_out(c) ? 0 : std::exp(double(row[c]) - largest) / sum;
        row[c] = static_cast<T>(double(scale) * (probability - (c == label ? 1 : 0)));
      }
    }
  }

  void argmax_rows(std::int64_t rows, std::int64_t columns, const T* x, int* index) {
    for (std::int64_t r = 0; r < rows; ++r) {
      const T* row = x + r * columns;
      index[r] = static_cast<int>(std::max_element(row, row + columns) - row);
    }
  }

  void gather_rows(const T* x, const int* index, std::int64_t rows, int columns, T* y) {
    for (std::int64_t r = 0; r < rows; ++r) {
      std::copy_n(x + std::int64_t{index[r]} * columns, columns, y + r * columns);
    }
  }

 private:
  /// Sums in double, rounded when they are stored.
  class sums {
   public:
    explicit sums(std::int64_t size) : sum_(static_cast<std::size_t>(size)) {}
    double& operator[](std::int64_t i) { return sum_[static_cast<std::size_t>(i)]; }
    void store(bool accumulate, T* y) const {
      for (const double s : sum_) {
        *y = static_cast<T>(accumulate ? double(*y) + s : s);
        ++y;
      }
    }

   private:
    std::vector<double> sum_;
  };

  static double square(double x) { return x * x; }

  /// max(x, 0) that lets NaN pass.
  template <class Number>
  static Number rectify(Number x) {
    return x < 0 ? 0 : x;
  }

  /// The gradient through relu: dy where y > 0, else 0.
  static void mask(std::int64_t n, const T* y, T* dy) {
    for (std::int64_t i = 0; i < n; ++i) dy[i] = y[i] > 0 ? dy[i] : T(0);
  }

  /// visit(pixel of x, tap of the kernel, pixel of y) for all that meet; padding adds nothing.
  template <class Visit>
  static void each_tap(const convolution::geometry& g, const Visit& visit) {
    for (std::int64_t n = 0; n < g.images; ++n) {
      for (int row = 0; row < g.out_height(); ++row) {
        for (int column = 0; column < g.out_width(); ++column) {
          for (int i = 0; i < g.kernel; ++i) {
            for (int j = 0; j < g.kernel; ++j) {
              const int h = row * g.stride + i - g.padding, w = column * g.stride + j - g.padding;
              if (h < 0 || h >= g.height || w < 0 || w >= g.width) continue;
              visit((n * g.height + h) * g.width + w, i * g.kernel + j,
                    (n * g.out_height() + row) * g.out_width() + column);
            }
          }
        }
      }
    }
  }

  /// visit(row of patches, combined row) for every member of every subset.
  template <class Visit>
  static void each_member(const subset_means& s, const Visit& visit) {
    for (int view = 0; view < s.groups; ++view) {
      for (int subset = 0; subset < s.combinations; ++subset) {
        const std::int64_t at = std::int64_t{view} * s.combinations + subset;
        for (int k = 0; k < s.size; ++k) {
          const std::int64_t patch = std::int64_t{view} * s.patches + s.table[at * s.size + k];
          for (std::int64_t n = 0; n < s.images; ++n) {
            visit(patch * s.images + n, at * s.images + n);
          }
        }
      }
    }
  }

  stack_arena<> arena_;
};

}  // namespace triptych::backend
