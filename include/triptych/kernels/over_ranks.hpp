// triptych/kernels/over_ranks.hpp
//
// Functors over what all ranks have shown to each other (comm/ranks.hpp).
//
// Sums are made in the order of a binary tree: ((0 + 1) + (2 + 3)) + ...
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>

#include <triptych/config.hpp>
#include <triptych/core/operands.hpp>
#include <triptych/kernels/group.hpp>

namespace triptych::kernels {

/// f(0) + ... + f(n - 1), n at least 1: a pair is added up as soon as both of it are there.
template <class F>
TRIPTYCH_HOST_DEVICE auto tree_sum(int n, const F& f) {
  decltype(f(0)) waiting[32];
  int count = 0;
  for (int i = 0; i < n; ++i) {
    auto sum = f(i);
    for (int pairs = i; (pairs & 1) != 0; pairs >>= 1) sum = waiting[--count] + sum;
    waiting[count++] = sum;
  }
  auto all = waiting[--count];
  while (count > 0) all = waiting[--count] + all;
  return all;
}

/// The moments (V, P, C) of V views in P parts each, from those of R ranks, (R, V, H, C): a rank
/// holds H of the parts, or several ranks hold one together and H is 1.
struct merge_moments {
  int ranks, views, parts, channels;
  const moment* shown;
  moment* merged;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    const int number = static_cast<int>(i / static_cast<std::size_t>(channels));
    const int channel = static_cast<int>(i % static_cast<std::size_t>(channels));
    const int view = number / parts, part = number % parts;
    const int held = parts < ranks ? 1 : parts / ranks, first = part * ranks / parts;
    const moment* const of = shown;
    const int all_views = views, all_channels = channels;
    merged[i] = tree_sum(parts < ranks ? ranks / parts : 1, [=](int r) {
      const std::int64_t row = std::int64_t{first + r} * all_views + view;
      return of[(row * held + part % held) * all_channels + channel];
    });
  }
};

/// sum[i] = the sum over ranks first ... first + count - 1 of shown[rank n + i].
template <class T>
struct add_ranks {
  int first, count;
  std::size_t n;
  const T* shown;
  T* sum;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    const T* const from = shown + static_cast<std::size_t>(first) * n + i;
    const std::size_t stride = n;
    sum[i] = tree_sum(count, [=](int r) { return from[static_cast<std::size_t>(r) * stride]; });
  }
};

/// largest[i] = the largest over ranks of shown[rank n + i]; NaN never wins.
template <class T>
struct largest_of_ranks {
  int ranks;
  std::size_t n;
  const T* shown;
  T* largest;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const {
    T most = shown[i];
    for (int r = 1; r < ranks; ++r)
      most = larger{}(most, shown[static_cast<std::size_t>(r) * n + i]);
    largest[i] = most;
  }
};

/// x is no number any more where a step's gate is closed.
template <class T>
struct nan_unless_open {
  const T* gate;
  T* x;

  TRIPTYCH_HOST_DEVICE void operator()(std::size_t i) const { x[i] += T(0) / *gate; }
};

// -- softmax of rows whose columns lie on several ranks -------------------------------------------

/// largest[r] = the largest of row r's own columns
template <class T>
struct largest_row {
  const T* logits;
  std::int64_t columns;
  T* largest;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    const T* const row = logits + r * columns;
    const T most = g.reduce(
        columns, row[0], [=](std::int64_t c) { return row[c]; }, larger{});
    T* const result = largest + r;
    g.each(1, [=](std::int64_t) { *result = most; });
  }
};

/// Where the label of a row lies, if it is on this rank: row r's is column r mod `all` of all
/// ranks', of which this rank has those from `first` on.
struct own_label {
  std::int64_t all, first;
  TRIPTYCH_HOST_DEVICE std::int64_t operator()(std::int64_t r) const { return r % all - first; }
};

/// sums[2 r] = sum over the own columns of exp(logit - largest[r]), sums[2 r + 1] = the label's
/// logit - largest[r], 0 where the label is not here; the logits become those exponentials.
template <class T>
struct exp_sum_row {
  own_label label;
  std::int64_t columns;
  const T* largest;
  T *logits, *sums;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    T* const row = logits + r * columns;
    const std::int64_t at = label(r);
    const T most = largest[r];
    const T asked = at >= 0 && at < columns ? row[at] - most : T(0);
    g.sync();  // before the label's number is written over
    g.each(columns, [=](std::int64_t c) { row[c] = std::exp(row[c] - most); });
    const T sum = g.template sum<T>(columns, [=](std::int64_t c) { return row[c]; });
    T* const result = sums + 2 * r;
    g.each(1, [=](std::int64_t) {
      result[0] = sum;
      result[1] = asked;
    });
  }
};

/// From the sums over all ranks: loss[r], and the exponentials become scale * (softmax - one-hot).
template <class T>
struct softmax_of_ranks_row {
  own_label label;
  std::int64_t columns;
  const T* sums;
  T scale;
  T *logits, *loss;

  template <class Group>
  TRIPTYCH_HOST_DEVICE void operator()(const Group& g, std::int64_t r) const {
    T* const row = logits + r * columns;
    const std::int64_t at = label(r);
    const T sum = sums[2 * r], asked = sums[2 * r + 1], factor = scale / sum, whole = scale;
    g.each(columns, [=](std::int64_t c) { row[c] = row[c] * factor - (c == at ? whole : T(0)); });
    T* const result = loss + r;
    g.each(1, [=](std::int64_t) { *result = std::log(sum) - asked; });
  }
};

}  // namespace triptych::kernels
