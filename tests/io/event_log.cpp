#include <triptych/io/event_log.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "support/catch.hpp"
#include "support/event_file.hpp"
#include "support/temporary_directory.hpp"
#include "support/text_of.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

TEST_CASE("A record is framed as TensorFlow frames it") {
  // tensorboard.summary.writer.record_writer.RecordWriter of b"abc".
  const std::string expected("\x03\0\0\0\0\0\0\0\xb0\x99\x49\x0e"
                             "abc"
                             "\x6e\x57\xf1\x21",
                             19);
  CHECK(io::event_record("abc") == expected);
}

TEST_CASE("An event file holds the points that it was begun with and those that were added") {
  const temporary_directory box;
  const auto directory = box.path() / "tensorboard";
  const io::event first{.step = 1, .time = 100.5, .scalars = {{"loss", 2.5}, {"lr", 0.1}}},
      second{.step = 11, .time = 101.5, .scalars = {{"loss", -1e-30}}};
  const io::event_log log(directory, {{"configuration", "lr = 1\n\xFF"}}, {first});
  const auto begun = events_in(text_of(log.path()));
  CHECK(begun.scalars.size() == 2);
  log.append(second);
  log.sync();
  const auto file = events_in(text_of(log.path()));
  CHECK(file.scalars == std::map<std::pair<std::int64_t, std::string>, float>{
                            {{1, "loss"}, 2.5f}, {{1, "lr"}, 0.1f}, {{11, "loss"}, -1e-30f}});
  CHECK(file.texts.at("configuration") == "lr = 1\\n\\xff");
  CHECK(file.times.back() == 101.5);
  const auto heading = event_records(text_of(log.path()));
  CHECK(field_of(heading.at(0), 3).text == "brain.Event:2");
  CHECK(field_of(field_of(heading.at(1), 7).text, 1).integer() == 1);  // SessionLog.START
  CHECK(log.path().filename().string().find("tfevents") != std::string::npos);
}

TEST_CASE("A new event file takes the place of earlier ones, and of nothing else") {
  const temporary_directory box;
  const auto directory = box.path() / "tensorboard";
  const auto path = [&] { return io::event_log(directory, {}, {{.step = 3}}).path(); };
  const auto first = path();
  std::ofstream(directory / "events.out.tfevents.1.other") << "x";
  const auto second = path();  // in the same second
  CHECK(second.filename() > first.filename());
  CHECK(std::filesystem::file_size(first) == 0);  // for a TensorBoard that has it open
  const auto third = path();
  CHECK(third.filename() > second.filename());
  CHECK_FALSE(std::filesystem::exists(first));
  CHECK(std::filesystem::file_size(second) == 0);
  CHECK(std::filesystem::file_size(third) > 0);
  CHECK(text_of(directory / "events.out.tfevents.1.other") == "x");
}

TEST_CASE("An event file that cannot be written is an error of the disk") {
  const temporary_directory box;
  std::ofstream(box.path() / "file") << "x";
  CHECK(thrown_by([&] { io::event_log(box.path() / "file", {}, {}); }).kind == error_kind::io);
}
