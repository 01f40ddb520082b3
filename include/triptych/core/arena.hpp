// triptych/core/arena.hpp
//
// Memory for a training step: a stack of activations that is taken and given back in order, so that
// no step after the first one allocates anything.
//
// A `stack_arena` grows in blocks during the first step. Whenever it is empty and its first block
// is smaller than the high-water mark, one block of that size replaces it; `growths()` then stays
// put, which the tests assert. Cost of taking memory: an addition.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <triptych/core/error.hpp>

namespace triptych {

/// Every allocation starts on a cache line, so that vector loads never straddle two.
inline constexpr std::size_t arena_alignment = 64;

/// Host memory; a backend with memory of its own supplies a type with the same two functions, and
/// may add `free_bytes()`. Where there is no memory left, that type throws error::memory with a
/// sentence that says how much was asked for; whoever asked completes it (`buffer`).
/// Linux is asked for pages of 2 MiB where they fit: kernels that write many places at once wait
/// less for addresses (4 to 6 % of a training step).
struct host_allocator {
  static void* allocate(std::size_t bytes) {
    void* const p = ::operator new (bytes, std::align_val_t{arena_alignment});
#if defined(__linux__)
    constexpr std::uintptr_t page = std::uintptr_t{2} << 20;
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    const std::uintptr_t begin = (address + page - 1) / page * page;
    const std::uintptr_t end = (address + bytes) / page * page;
    if (begin < end) {
      madvise(static_cast<std::byte*>(p) + (begin - address), end - begin, MADV_HUGEPAGE);
    }
#endif
    return p;
  }
  static void deallocate(void* p) noexcept {
    ::operator delete (p, std::align_val_t{arena_alignment});
  }
};

/// An owned, aligned, uninitialized run of `T` in `Allocator`.
template <class T, class Allocator = host_allocator>
class buffer {
 public:
  buffer() = default;
  /// `purpose` completes the sentence of error::memory: "... they were for the queue".
  explicit buffer(std::size_t size, const std::string& purpose = "an array")
      : size_(size), data_(static_cast<T*>(allocate(size * sizeof(T), purpose))) {}

  [[nodiscard]] T* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct free_it {
    void operator()(T* p) const noexcept { Allocator::deallocate(p); }
  };
  static void* allocate(std::size_t bytes, const std::string& purpose) {
    try {
      return Allocator::allocate(bytes);
    } catch (const error& e) {
      if (e.kind() != error_kind::memory) throw;
      throw error::memory(std::string(e.what()) + "; they were for " + purpose +
                          "; lower `batch` (activations grow with it), `width`, `head` or `queue`");
    }
  }
  std::size_t size_ = 0;
  std::unique_ptr<T, free_it> data_;
};

/// A mark/release stack of memory.
template <class Allocator = host_allocator>
class stack_arena {
 public:
  /// A position to which the arena can return.
  struct mark {
    std::size_t block, offset, taken;
  };

  /// While one lives, no memory goes back to the system: for work that refers to the arena's memory
  /// and is done later.
  class hold {
   public:
    explicit hold(stack_arena& arena) : arena_(arena) { ++arena_.holds_; }
    hold(const hold&) = delete;
    hold& operator=(const hold&) = delete;
    ~hold() { --arena_.holds_; }

   private:
    stack_arena& arena_;
  };

  /// Uninitialized memory for `count` values of `T`, aligned to a cache line. Where no memory is
  /// left, the error says that it was for `purpose`.
  template <class T>
  [[nodiscard]] T* take(std::size_t count, const char* purpose = "activations") {
    return static_cast<T*>(take_bytes(count * sizeof(T), purpose));
  }

  [[nodiscard]] mark position() const noexcept { return {block_, offset_, taken_}; }

  /// Gives back everything taken since `m`. Never throws: if merging fails, blocks are asked for
  /// again.
  void release(mark m) noexcept {
    block_ = m.block;
    offset_ = m.offset;
    taken_ = m.taken;
    if (holds_ > 0) return;
    // Blocks beyond the current one go back: what is wanted next may be larger than they are.
    if (block_ + 1 < blocks_.size()) {
      blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(block_) + 1, blocks_.end());
    }
    if (taken_ == 0 && !blocks_.empty() && blocks_.front().size() < peak_) merge();
  }

  /// Gives all memory back and forgets how much was needed. For an arena of which nothing is taken.
  void restart() noexcept {
    blocks_.clear();
    block_ = offset_ = peak_ = 0;
  }

  /// The most bytes in use at once, ever or since the last `restart`.
  [[nodiscard]] std::size_t peak_bytes() const noexcept { return peak_; }
  /// How often memory was asked of the system.
  [[nodiscard]] std::size_t growths() const noexcept { return growths_; }

 private:
  void* take_bytes(std::size_t bytes, const char* purpose) {
    bytes = (bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
    while (block_ < blocks_.size() && offset_ + bytes > blocks_[block_].size()) {
      ++block_;
      offset_ = 0;
    }
    if (block_ == blocks_.size()) {
      blocks_.emplace_back(bytes > smallest_block ? bytes : smallest_block,
                           std::string(purpose) + ", beside " + std::to_string(taken_ >> 20) +
                               " MiB that the step holds already");
      ++growths_;
    }
    void* p = blocks_[block_].data() + offset_;
    offset_ += bytes;
    taken_ += bytes;
    if (taken_ > peak_) peak_ = taken_;
    return p;
  }

  void merge() noexcept {
    try {
      blocks_.clear();
      blocks_.emplace_back(peak_);
      ++growths_;
    } catch (...) {     // bad_alloc, or what a device's memory throws
      blocks_.clear();  // the next step asks again, block by block
    }
  }

  static constexpr std::size_t smallest_block = std::size_t{1} << 20;
  std::vector<buffer<std::byte, Allocator>> blocks_;
  std::size_t block_ = 0, offset_ = 0, taken_ = 0;
  std::size_t peak_ = 0, growths_ = 0;
  int holds_ = 0;
};

/// Gives back, at the end of its scope, all that was taken from the arena during it.
template <class Allocator>
class arena_frame {
 public:
  explicit arena_frame(stack_arena<Allocator>& arena) : arena_(arena), mark_(arena.position()) {}
  arena_frame(const arena_frame&) = delete;
  arena_frame& operator=(const arena_frame&) = delete;
  ~arena_frame() { arena_.release(mark_); }

 private:
  stack_arena<Allocator>& arena_;
  typename stack_arena<Allocator>::mark mark_;
};

}  // namespace triptych
