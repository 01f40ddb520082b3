// A device that runs out of memory says how much was asked for, for what, and what batch would fit.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include <triptych/backend/thrust_host.hpp>
#include <triptych/data/procedural.hpp>
#include <triptych/method/nnclr.hpp>
#include <triptych/train/trainer.hpp>

#include "device/small_method.hpp"
#include "device/small_plan.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;

namespace {

/// A device's memory: so many bytes and no more.
struct small_memory {
  static inline std::size_t limit = 0, used = 0;
  static inline std::unordered_map<void*, std::size_t> sizes;

  static void* allocate(std::size_t bytes) {
    if (bytes > free_bytes()) {
      throw error::memory("the small device is out of memory: " + std::to_string(bytes >> 10) +
                          " KiB more were asked for");
    }
    void* const p = host_allocator::allocate(bytes);
    sizes[p] = bytes;
    used += bytes;
    return p;
  }
  static void deallocate(void* p) noexcept {
    used -= sizes[p];
    sizes.erase(p);
    host_allocator::deallocate(p);
  }
  static std::size_t free_bytes() { return used < limit ? limit - used : 0; }
};
struct small_system : backend::host_system {
  using allocator = small_memory;
  static inline bool without_graphs = false;

  void as_graph(const std::function<void()>& work) const {
    host_system::as_graph([&] {
      work();
      if (without_graphs) throw error::memory("the small device has no memory for a graph");
    });
  }
};
using small_device =
    backend::thrust_algorithms<backend::device_parts<small_system, conv_engine::gemm_conv>>;

struct run {
  small_device backend;
  method::nnclr<small_device> method{
      backend,
      nn::architecture<>(nn::resnet({.width = 4, .blocks = {1, 1, 1, 1}}),
                         {.projector = {16, 8}, .predictor_hidden = 8}),
      {.queue = 128},
      1};

  static train::trainer_options plan(int batch) { return test::small_plan(2, 1, batch); }
  std::vector<double> weights_and_queue() { return test::weights_and_queue(method); }
};

/// The number behind `words` in a sentence; 0 where they are not there.
int number_after(const std::string& sentence, const std::string& words) {
  const auto at = sentence.find(words);
  return at == std::string::npos ? 0 : std::stoi(sentence.substr(at + words.size()));
}

}  // namespace

TEST_CASE("a step without memory says what it was for and what batch fits, the weights untouched") {
  const auto set = data::procedural_images(128, 1, 0);
  small_memory::limit = std::size_t{1} << 30;
  run r;
  const auto before = r.weights_and_queue();
  r.backend.arena().restart();  // what the queue's start has left there
  const std::size_t weights = small_memory::used;
  std::size_t need = 0;
  {
    run unlimited;
    train::trainer<small_device>(unlimited.method, set, run::plan(60)).advance();
    need = unlimited.backend.arena().peak_bytes();
  }
  REQUIRE(small_memory::used == weights);
  small_memory::limit =
      weights + need + (std::size_t{1} << 20);  // a block more than 60 images take

  train::trainer<small_device> trainer(r.method, set, run::plan(80));
  const auto thrown = thrown_by([&] { trainer.advance(); });
  INFO(thrown.sentence);
  CHECK(thrown.kind == error_kind::memory);
  CHECK(thrown.says("KiB more were asked for; they were for "));
  CHECK(thrown.says(", beside "));
  CHECK(thrown.says("; lower `batch`"));
  CHECK(thrown.says("; a batch of 40 was tried and fits, about "));
  const int about = number_after(thrown.sentence, "fits, about ");
  CHECK(about >= 54);
  CHECK(about <= 70);
  CHECK(trainer.step() == 0);
  CHECK((r.weights_and_queue() == before));
  CHECK(r.method.counters() == std::vector<std::int64_t>{0, 0});

  small_memory::limit = weights + (std::size_t{1} << 16);
  const auto none = thrown_by([&] { trainer.advance(); });
  INFO(none.sentence);
  CHECK(none.says("; a batch of 2 does not fit either"));
}

TEST_CASE("weights and a queue that do not fit are named") {
  small_memory::limit = std::size_t{1} << 10;
  const auto thrown = thrown_by([] { run r; });
  INFO(thrown.sentence);
  CHECK(thrown.kind == error_kind::memory);
  CHECK(thrown.says("; they were for "));
  CHECK(thrown.says("lower `batch`"));
}

TEST_CASE("a step that was recorded and finds no memory is none, and says what batch fits") {
  const auto set = data::procedural_images(128, 1, 0);
  small_memory::limit = std::size_t{1} << 30;
  run r;
  auto plan = run::plan(16);
  plan.read_every = 100;
  train::trainer<small_device> trainer(r.method, set, plan);
  for (int i = 0; i < 3; ++i) trainer.advance();
  const auto counters = r.method.counters();
  const auto before = r.weights_and_queue();
  small_system::without_graphs = true;
  const auto thrown = thrown_by([&] { trainer.advance(); });
  small_system::without_graphs = false;
  CHECK(thrown.kind == error_kind::memory);
  CHECK(thrown.says("no memory for a graph; a batch of 8 was tried and fits"));
  CHECK(r.method.counters() == counters);
  CHECK((r.weights_and_queue() == before));
  CHECK(trainer.step() == 3);
  trainer.advance();
  CHECK(trainer.report().loss > 0);
}
