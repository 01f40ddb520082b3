// triptych/backend/cpu/convolution/bf16_block.hpp
//
// A block of 32 x 32 sums in f32 to which products of bf16 blocks are added, by the processor's
// matrix unit (AMX) or by plain loops:
//
//                     B 32 x 32            in memory: two tiles of 16 columns, side by side, each
//                   | b0   | b1   |          16 rows of pairs: (k, k+1) of column 0, of column 1, ...
//   A 32 x 32   a0  | s00  | s01  |        A in memory: 32 rows of 32 numbers
//               a1  | s10  | s11  |        s00 += a0 b0, s01 += a0 b1, ...: four instructions of
//                                            8192 multiply-adds each
//
// Both operands are contiguous runs of 1024 numbers (2 KiB), aligned to a cache line. The two kinds
// of block differ in rounding alone: how the unit adds a pair of products is its own affair, and it
// takes subnormal numbers as zero.
#pragma once

#include <algorithm>
#include <cstdint>

#include <triptych/core/bf16.hpp>

#if defined(__AMX_BF16__) && defined(__linux__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace triptych::convolution::inline TRIPTYCH_ISA {

/// Rows and columns of a block, and the depth of one product.
inline constexpr int block_side = 32;
inline constexpr std::int64_t block_size = std::int64_t{block_side} * block_side;

/// Where row k (of 32), column j of an operand B lies.
constexpr std::int64_t paired(std::int64_t k, std::int64_t j) {
  return (j / 16) * (block_size / 2) + (k / 2) * block_side + (j % 16) * 2 + k % 2;
}

/// The sums in memory, for machines without a matrix unit and for tests.
class loop_block {
 public:
  static bool available() { return true; }

  void clear() { std::fill_n(&sum_[0][0], block_size, 0.0f); }
  void load(const float* sums) { std::copy_n(sums, block_size, &sum_[0][0]); }
  void store(float* sums) const { std::copy_n(&sum_[0][0], block_size, sums); }

  void add_product(const bf16* a, const bf16* b) {
    for (int k = 0; k < block_side; ++k) {
      float row[block_side];
      for (int j = 0; j < block_side; ++j) row[j] = b[paired(k, j)];
      for (int i = 0; i < block_side; ++i) {
        const float x = a[i * block_side + k];
        for (int j = 0; j < block_side; ++j) sum_[i][j] += x * row[j];
      }
    }
  }

 private:
  float sum_[block_side][block_side];
};

#if defined(__AMX_BF16__) && defined(__linux__)
/// The sums in tile registers 0 to 3, which belong to the thread: one object at a time, made by the
/// thread that uses it.
class amx_block {
 public:
  /// Whether the system lets this process use the tile registers; asks for it at the first call.
  static bool available() {
    constexpr long request_permission = 0x1023, tile_data = 18;  // of arch_prctl
    static const bool granted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
    return granted;
  }

  amx_block() {
    struct alignas(64) {
      std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
      std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } configuration;
    _tile_loadconfig(&configuration);
  }
  amx_block(const amx_block&) = delete;
  amx_block& operator=(const amx_block&) = delete;
  ~amx_block() { _tile_release(); }

  void clear() {
    memory_is_written();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  void load(const float* sums) {
    memory_is_written();
    _tile_loadd(0, sums, row);
    _tile_loadd(1, sums + 16, row);
    _tile_loadd(2, sums + block_size / 2, row);
    _tile_loadd(3, sums + block_size / 2 + 16, row);
  }
  void store(float* sums) const {
    _tile_stored(0, sums, row);
    _tile_stored(1, sums + 16, row);
    _tile_stored(2, sums + block_size / 2, row);
    _tile_stored(3, sums + block_size / 2 + 16, row);
    memory_is_written();
  }

  void add_product(const bf16* a, const bf16* b) {
    _tile_loadd(4, a, 64);
    _tile_loadd(6, b, 64);
    _tile_loadd(5, a + block_size / 2, 64);
    _tile_loadd(7, b + block_size / 2, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
  }

 private:
  static constexpr int row = block_side * int{sizeof(float)};

  // g++'s tile instructions do not say that they read and write memory.
  static void memory_is_written() { asm volatile("" ::: "memory"); }
};
#else
/// A build for a processor without the unit has none to offer.
class amx_block : public loop_block {
 public:
  static bool available() { return false; }
};
#endif

}  // namespace triptych::convolution::inline TRIPTYCH_ISA
