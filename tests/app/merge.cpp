// Tables made of the pieces of several calls.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"
#include "support/tiny_table.hpp"

using namespace triptych::test;

namespace {

const words two_methods{"--methods", "simclr,moco"};

app_result merge(const std::vector<fs::path>& from, const fs::path& out,
                 const words& variables = {}) {
  words line{"merge", "--quiet", "--out", out.string()};
  for (const auto& one : from) line.push_back(one.string());
  return call_app(line, variables);
}

std::map<std::string, std::string> files_in(const fs::path& directory) {
  std::map<std::string, std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.path().filename() != "lock") {
      all[entry.path().lexically_relative(directory).string()] = text_of(entry.path());
    }
  }
  return all;
}

}  // namespace

TEST_CASE("Pieces of a table make the table that one call would have made") {
  const tiny_table whole("table1"), one("table1"), two("table1"), merged("table1");
  const words halves{"--points", "2"};
  REQUIRE(whole.make(two_methods + halves).code == 0);
  REQUIRE(one.make(words{"--methods", "simclr", "--seeds", "1"} + halves).code == 0);
  REQUIRE(two.make(words{"--methods", "moco", "--seeds", "1"} + halves).code == 0);
  REQUIRE(two.make(two_methods + words{"--seeds", "2"} + halves).code == 0);
  const auto result = merge({one.out(), two.out()}, merged.out());
  INFO(result.err);
  REQUIRE(result.code == 0);
  CHECK(result.out == merged.file(".md"));
  CHECK(timeless(merged) == timeless(whole));

  SECTION("in any order, one after the other, and again") {
    const auto before = files_in(merged.out());
    const tiny_table other("table1");
    REQUIRE(merge({two.out()}, other.out()).code == 0);
    REQUIRE(merge({one.out()}, other.out()).code == 0);
    CHECK(timeless(other) == timeless(whole));
    REQUIRE(merge({other.out()}, other.out()).code == 0);
    CHECK(timeless(other) == timeless(whole));
    REQUIRE(merge({two.out(), one.out()}, merged.out()).code == 0);
    CHECK((files_in(merged.out()) == before));
  }
  SECTION("small, and without a path of where they were trained") {
    std::uintmax_t bytes = 0;
    for (const auto& [name, text] : files_in(merged.out())) {
      INFO(name);
      bytes += text.size();
      CHECK(text.find(one.out().string()) == std::string::npos);
      CHECK(text.find(two.out().string()) == std::string::npos);
      CHECK(text.find(fs::current_path().string()) == std::string::npos);
      CHECK_FALSE(name.ends_with(".safetensors"));
    }
    CHECK(bytes < 64 << 10);
  }
  SECTION("to which reproduce adds what is missing") {
    const auto status = merged.root() / "moco-seed2/status.json";
    const auto before = fs::last_write_time(status);
    REQUIRE(merged.make(two_methods + halves + words{"--seeds", "1,2"}).code == 0);
    CHECK(timeless(merged) == timeless(whole));
    CHECK(fs::last_write_time(status) == before);
    REQUIRE(merged.make(two_methods + halves + words{"--seeds", "1,2,3"}).code == 0);
    CHECK(merged.json()["lines"][0]["top1"]["by_seed"].size() == 3);
  }
}

TEST_CASE("A merge killed at any write ends as an undisturbed one") {
  const tiny_table one("table4"), whole("table4");
  REQUIRE(one.make({"--seeds", "1"}).code == 0);
  REQUIRE(merge({one.out()}, whole.out()).code == 0);
  const auto expected = files_in(whole.out());
  int killed = 0;
  for (int passage = 1;; passage += 11) {
    const tiny_table parts("table4");
    INFO("passage " << passage);
    const auto result =
        merge({one.out()}, parts.out(), {"TRIPTYCH_FAILPOINT=*#" + std::to_string(passage)});
    if (result.code == 0) break;
    CHECK(result.code == 128 + SIGKILL);
    ++killed;
    const auto again = merge({one.out()}, parts.out());
    INFO(again.err);
    REQUIRE(again.code == 0);
    CHECK((files_in(parts.out()) == expected));
  }
  CHECK(killed >= 6);
}

TEST_CASE("What does not belong together is not merged") {
  const words few{"--seeds", "1", "--methods", "simclr"};
  const tiny_table one("table1"), twice_as_long("table1"), elsewhere("table1"), merged("table1");
  REQUIRE(one.make(few).code == 0);
  REQUIRE(twice_as_long.make(few + words{"--epochs", "8"}).code == 0);
  REQUIRE(elsewhere.make(few).code == 0);
  const auto refused = [&](const std::vector<fs::path>& from, int code, const std::string& told) {
    const auto result = merge(from, merged.out());
    INFO(result.err);
    CHECK(result.code == code);
    CHECK(result.out.empty());
    CHECK(result.err.find(told) != std::string::npos);
    CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  };
  refused({one.out(), twice_as_long.out()}, 6, "its epochs is 8, not 4");
  refused({one.out() / "table1"}, 2, "no table of triptych reproduce with a finished cell lies in");
  CHECK_FALSE(fs::exists(merged.out()));

  // The same cell with another accuracy.
  const auto record = elsewhere.root() / "simclr-seed1/eval/step-000016.json";
  auto text = text_of(record);
  const auto place = text.find("\"top1\": ") + 8;
  text.replace(place, text.find(',', place) - place, "12.5");
  std::ofstream(record) << text;
  refused({one.out(), elsewhere.out()}, 6, "hold different results of the same cell");
  std::ofstream(record) << "{";
  refused({elsewhere.out()}, 6, "make that table again");

  // Somebody else's file in its place.
  const tiny_table taken("table1");
  fs::create_directories(taken.out());
  std::ofstream(taken.out() / "table1.md") << "notes";
  const auto result = merge({one.out()}, taken.out());
  CHECK(result.code == 2);
  CHECK(result.err.find("table1.md is there and was not made by reproduce") != std::string::npos);
  CHECK(taken.file(".md") == "notes");
}

TEST_CASE("A cell that is not finished is left out, and said") {
  const tiny_table one("table4"), merged("table4");
  REQUIRE(one.make({"--seeds", "1"}).code == 0);
  fs::remove(one.root() / "k-3-seed1/eval/step-000016.json");
  const auto result = call_app({"merge", one.out().string(), "--out", merged.out().string()});
  INFO(result.err);
  CHECK(result.code == 0);
  CHECK(result.err.find("k-3-seed1 is not finished, and left out") != std::string::npos);
  CHECK(result.out.find("| k = 3 | 4 | 0 |") != std::string::npos);
  CHECK_FALSE(fs::exists(merged.root() / "k-3-seed1"));
}

TEST_CASE("The tables in bench/evidence are what their cells make") {
  // But for the version that wrote them.
  const auto unsigned_by = [](const std::string& text) {
    return std::regex_replace(text, std::regex(R"(- written by: [^\n]*|"version": "[^"]*")"), "");
  };
  int tables = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(TRIPTYCH_TESTS_DIR) / "../bench/evidence")) {
    if (!entry.is_directory()) continue;
    INFO(entry.path().string());
    const temporary_directory again;
    const auto result = merge({entry.path()}, again.path() / "out");
    INFO(result.err);
    REQUIRE(result.code == 0);
    for (const auto& [name, text] : files_in(entry.path())) {
      // The settings of a table name every option that there is today; a cell's are as it had them.
      if (fs::path(name).parent_path().parent_path().empty() && name.ends_with("config.toml"))
        continue;
      INFO(name);
      CHECK((unsigned_by(text_of(again.path() / "out" / name)) == unsigned_by(text)));
      ++tables;
    }
  }
  CHECK(tables > 0);
}
