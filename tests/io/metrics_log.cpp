#include <triptych/io/metrics_log.hpp>

#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include <support/catch.hpp>
#include <support/child_process.hpp>
#include <support/temporary_directory.hpp>
#include <support/text_of.hpp>
#include <support/thrown.hpp>
#include <triptych/core/philox.hpp>

namespace io = triptych::io;
namespace fs = std::filesystem;
using io::metric;
using triptych::error_kind;
using triptych::test::text_of;

namespace {

const std::vector<std::string> columns{"epoch", "wall_s", "loss", "knn_top1"};

void append(const io::metrics_log& log, std::int64_t step) {
  const std::optional<float> knn = step % 2 == 0 ? std::optional(0.5f) : std::nullopt;
  const std::vector<metric> record{
      {"epoch", step / 2}, {"loss", 1.0f / static_cast<float>(step)}, {"knn_top1", knn}};
  log.append(step, record);
}

void write_steps(const fs::path& directory, std::int64_t first, std::int64_t last,
                 std::optional<std::int64_t> resume = {}) {
  const io::metrics_log log(directory, columns, resume);
  for (std::int64_t step = first; step <= last; ++step) append(log, step);
  log.sync();
}

}  // namespace

TEST_CASE("records appear in both files, with gaps where there is no number") {
  const temporary_directory box;
  const io::metrics_log log(box.path(), columns);
  const std::vector<metric> first{{"epoch", 0}, {"loss", 0.1f}, {"wall_s", 2.5}};
  const std::vector<metric> second{{"loss", std::numeric_limits<float>::quiet_NaN()},
                                   {"wall_s", -std::numeric_limits<double>::infinity()},
                                   {"knn_top1", std::optional<double>()},
                                   metric("epoch")};
  log.append(1, first);
  log.append(20, second);
  CHECK(text_of(box.path() / "metrics.csv") ==
        "step,epoch,wall_s,loss,knn_top1\n1,0,2.5,0.1,\n20,,,,\n");
  CHECK(text_of(box.path() / "metrics.jsonl") ==
        "{\"step\":1,\"epoch\":0,\"loss\":0.1,\"wall_s\":2.5}\n"
        "{\"step\":20,\"loss\":null,\"wall_s\":null,\"knn_top1\":null,\"epoch\":null}\n");
}

TEST_CASE("a metric without a column is refused and nothing is written") {
  const temporary_directory box;
  const io::metrics_log log(box.path(), columns);
  const std::vector<metric> record{{"los", 1}};
  const auto thrown = thrown_by([&] { log.append(1, record); });
  CHECK(thrown.kind == error_kind::runtime);
  CHECK(thrown.says("'los'"));
  CHECK(text_of(box.path() / "metrics.jsonl").empty());
}

TEST_CASE("a new log begins with empty files") {
  const temporary_directory box;
  write_steps(box.path(), 1, 5);
  write_steps(box.path(), 1, 0);
  CHECK(text_of(box.path() / "metrics.jsonl").empty());
  CHECK(text_of(box.path() / "metrics.csv") == "step,epoch,wall_s,loss,knn_top1\n");
}

TEST_CASE("a resumed log equals an uninterrupted one, wherever it was cut") {
  const temporary_directory box(memory_parent());
  const auto whole = box.path() / "whole", cut = box.path() / "cut";
  fs::create_directory(whole);
  fs::create_directory(cut);
  write_steps(whole, 1, 12);
  for (const char* name : {"metrics.jsonl", "metrics.csv"}) {
    write_steps(cut, 1, 4);
    const std::string kept = text_of(cut / name);
    write_steps(cut, 1, 9);
    const std::string torn = text_of(cut / name);
    for (std::size_t size = kept.size(); size <= torn.size(); ++size) {
      write_steps(cut, 1, 9);
      fs::resize_file(cut / name, size);
      write_steps(cut, 5, 12, 4);
      REQUIRE(text_of(cut / "metrics.jsonl") == text_of(whole / "metrics.jsonl"));
      REQUIRE(text_of(cut / "metrics.csv") == text_of(whole / "metrics.csv"));
    }
  }
}

TEST_CASE("a log that died at its first line can be resumed from the beginning") {
  const temporary_directory box;
  const std::string heading = "step,epoch,wall_s,loss,knn_top1\n";
  for (std::size_t size = 0; size <= heading.size(); ++size) {
    box.write("metrics.csv", heading.substr(0, size));
    write_steps(box.path(), 1, 1, 0);
    REQUIRE(text_of(box.path() / "metrics.csv") == heading + "1,0,,1,\n");
  }
}

TEST_CASE("a log of other columns, or damaged before the checkpoint, is refused with the byte") {
  const temporary_directory box;
  write_steps(box.path(), 1, 5);
  const auto thrown = thrown_by([&] {
    const io::metrics_log log(box.path(), {"epoch", "loss"}, 3);
  });
  CHECK(thrown.kind == error_kind::checkpoint);
  CHECK(thrown.says("metrics.csv: what begins at byte 0"));

  for (const std::string line : {"rubbish", "{\"step\":x}", "{\"step\":-1}", "{\"step\":1x}", ""}) {
    box.write("metrics.jsonl", "{\"step\":1}\n" + line + "\n{\"step\":2}\n");
    const auto refused = thrown_by([&] { const io::metrics_log log(box.path(), columns, 5); });
    CHECK(refused.kind == error_kind::checkpoint);
    CHECK(refused.says("metrics.jsonl: what begins at byte 11"));
  }
}

TEST_CASE("ten thousand mutants of a log are refused cleanly or cut") {
  const temporary_directory box(memory_parent());
  write_steps(box.path(), 1, 8);
  const std::string json = text_of(box.path() / "metrics.jsonl");
  const std::string csv = text_of(box.path() / "metrics.csv");
  triptych::random_stream random(11, triptych::stream::shuffle);
  const auto mutate = [&](std::string text) {
    for (std::uint32_t c = 0; c <= random.below(3); ++c) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(text.size()));
      text[at] = static_cast<char>(random.below(3) == 0 ? '\n' : random.next());
    }
    return text;
  };
  int refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    box.write("metrics.jsonl", random.below(2) == 0 ? json : mutate(json));
    box.write("metrics.csv", mutate(csv));
    const auto thrown = thrown_by([&] { const io::metrics_log log(box.path(), columns, 6); });
    REQUIRE((!thrown.any || thrown.kind == error_kind::checkpoint));
    refused += thrown.any;
  }
  CHECK(refused > 1'000);
  CHECK(refused < 10'000);
}

TEST_CASE("a full disk stops the log with an error, and a resume mends the torn record") {
  const temporary_directory box;
  write_steps(box.path(), 1, 4);
  CHECK(exit_code_of_child([&] {
          const io::metrics_log log(box.path(), columns, 4);
          ::setenv("TRIPTYCH_FAILPOINT", "write#2:ENOSPC", 1);
          append(log, 5);
        }) == 74);
  write_steps(box.path(), 5, 6, 4);
  CHECK(text_of(box.path() / "metrics.csv")
            .ends_with("4,2,,0.25,0.5\n5,2,,0.2,\n6,3,,0.16666667,0.5\n"));
}
