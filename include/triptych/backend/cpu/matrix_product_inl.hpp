// triptych/backend/cpu/matrix_product_inl.hpp
//
// The bodies of matrix_product.hpp.
#pragma once

#include <algorithm>
#include <cstdint>

#include <triptych/backend/cpu/matrix_product.hpp>
#include <triptych/backend/cpu/micro_kernel.hpp>
#include <triptych/backend/cpu/simd.hpp>
#include <triptych/backend/cpu/tiles.hpp>
#include <triptych/backend/cpu/transposition.hpp>
#include <triptych/config.hpp>
#include <triptych/core/arena.hpp>
#include <triptych/core/tensor.hpp>
#include <triptych/core/thread_pool.hpp>

namespace triptych::backend::inline TRIPTYCH_ISA::product_detail {

/// A matrix in memory: (i, j) is at data[i row + j column]; one of the two is 1.
template <class Float>
struct strided {
  Float* data;
  std::int64_t row, column;

  [[nodiscard]] strided transposed() const { return {data, column, row}; }
  [[nodiscard]] Float* at(std::int64_t i, std::int64_t j) const {
    return data + i * row + j * column;
  }
};

/// to[k][lane] = scale right(first + k, column + lane), zeros behind the last column.
inline void pack_panel(const strided<const float>& right, float scale, std::int64_t first,
                       std::int64_t depth, std::int64_t column, std::int64_t columns,
                       std::int64_t lanes, float* to) {
  const float* from = right.at(first, column);
  if (columns < lanes) std::fill_n(to, depth * lanes, 0.0f);
  if (right.column != 1) {
    return cpu::transpose(columns, depth, from, right.column, to, lanes, scale);
  }
  for (std::int64_t k = 0; k < depth; ++k, from += right.row, to += lanes) {
    for (std::int64_t j = 0; j < columns; ++j) to[j] = scale * from[j];
  }
}

/// result (rows x columns) = (add ? result : 0) + scale left (rows x depth) right (depth x
/// columns); without `add` the result may be stored column by column.
inline void product(thread_pool& pool, stack_arena<>& scratch, std::int64_t rows,
                    std::int64_t columns, std::int64_t depth, float scale,
                    const strided<const float>& left, const strided<const float>& right, bool add,
                    const strided<float>& result) {
  constexpr std::int64_t most_rows = 240, most_depth = 192;
  const cpu::column_panels panels(columns);
  const std::int64_t lanes = panels.lanes;
  const std::int64_t row_blocks = cpu::shares(rows, most_rows),
                     most = cpu::shares(rows, row_blocks);
  const std::int64_t chunks = cpu::shares(depth, most_depth), deepest = cpu::shares(depth, chunks);
  const std::int64_t groups =
      cpu::shares(panels.count, std::clamp<std::int64_t>(row_blocks * panels.count / 16, 1, 4));
  const std::int64_t most_panels = cpu::shares(panels.count, groups);
  const bool by_column = result.column != 1;

  const arena_frame scope(scratch);
  float* packed = nullptr;
  if (row_blocks > 1) {
    packed = scratch.take<float>(static_cast<std::size_t>(depth * panels.size()));
    pool.run(panels.count * chunks, [&](std::int64_t task) {
      const std::int64_t panel = task / chunks,
                         first = cpu::share_begin(depth, chunks, task % chunks);
      pack_panel(right, scale, first, cpu::share_begin(depth, chunks, task % chunks + 1) - first,
                 panel * lanes, std::min(lanes, columns - panel * lanes), lanes,
                 packed + (panel * depth + first) * lanes);
    });
  }

  // Working memory of a task: copied rows, a packed panel, sums that are not stored in place.
  const std::int64_t copy_size = left.column == 1 ? 0 : deepest * most;
  const std::int64_t pack_size = packed == nullptr ? deepest * lanes : 0;
  const std::int64_t sums_size = most * lanes;
  cpu::for_each_tile(
      pool, scratch, row_blocks * groups,
      copy_size + pack_size + sums_size * (by_column ? most_panels : 1) + 32,
      [&](std::int64_t task, float* memory) {
        float* const copy = memory;
        float* const own_panel = copy + (copy_size + 15) / 16 * 16;
        float* const sums = own_panel + (pack_size + 15) / 16 * 16;
        const std::int64_t block = task / groups, group = task % groups;
        const std::int64_t row = cpu::share_begin(rows, row_blocks, block);
        const std::int64_t count = cpu::share_begin(rows, row_blocks, block + 1) - row;
        const std::int64_t panel_begin = cpu::share_begin(panels.count, groups, group);
        const std::int64_t panel_end = cpu::share_begin(panels.count, groups, group + 1);
        for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
          const std::int64_t first = cpu::share_begin(depth, chunks, chunk);
          const std::int64_t deep = cpu::share_begin(depth, chunks, chunk + 1) - first;
          cpu::product_block p{};
          p.a = left.at(row, first);
          p.a_row = left.row;
          p.a_step = left.column;
          p.depth = deep;
          if (copy_size > 0) {
            for (std::int64_t k = 0; k < deep; ++k) {
              std::copy_n(left.at(row, first + k), count, copy + k * count);
            }
            p.a = copy;
            p.a_step = count;
          }
          for (std::int64_t panel = panel_begin; panel < panel_end; ++panel) {
            const std::int64_t column = panel * lanes, width = std::min(lanes, columns - column);
            p.b = own_panel;
            if (packed != nullptr) {
              p.b = packed + (panel * depth + first) * lanes;
            } else {
              pack_panel(right, scale, first, deep, column, width, lanes, own_panel);
            }
            const bool in_place = !by_column && width == lanes;
            p.c = in_place ? result.at(row, column)
                           : sums + (by_column ? (panel - panel_begin) * sums_size : 0);
            p.c_row = in_place ? result.row : lanes;
            p.add = chunk > 0 || (in_place && add);
            cpu::multiply_rows(panels.vectors, count, p);
            if (in_place || chunk + 1 < chunks) continue;
            if (by_column) {
              cpu::transpose(count, width, p.c, lanes, result.at(row, column), result.column);
              continue;
            }
            for (std::int64_t i = 0; i < count; ++i) {
              float* const to = result.at(row + i, column);
              for (std::int64_t j = 0; j < width; ++j) {
                to[j] = add ? to[j] + p.c[i * lanes + j] : p.c[i * lanes + j];
              }
            }
          }
        }
      });
}

TRIPTYCH_INLINE void matrix_product(thread_pool& pool, stack_arena<>& scratch, transpose ta,
                                    transpose tb, std::int64_t m, std::int64_t n, std::int64_t k,
                                    float alpha, const float* a, const float* b, float beta,
                                    float* c) {
  if (m == 0 || n == 0) return;
  if (beta != 0 && beta != 1) {
    for (std::int64_t i = 0; i < m * n; ++i) c[i] *= beta;
  }
  const strided<const float> left{a, ta == transpose::no ? k : 1, ta == transpose::no ? 1 : m};
  const strided<const float> right{b, tb == transpose::no ? n : 1, tb == transpose::no ? 1 : k};
  const strided<float> result{c, n, 1};
  if (ta == transpose::no && tb == transpose::yes && beta == 0 && n >= m) {
    product(pool, scratch, n, m, k, alpha, right.transposed(), left.transposed(), false,
            result.transposed());
  } else {
    product(pool, scratch, m, n, k, alpha, left, right, beta != 0, result);
  }
}

}  // namespace triptych::backend::inline TRIPTYCH_ISA::product_detail
