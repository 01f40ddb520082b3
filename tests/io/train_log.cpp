#include <triptych/io/train_log.hpp>

#include <cstdio>
#include <string>

#include <support/catch.hpp>
#include <support/temporary_directory.hpp>
#include <support/thrown.hpp>

namespace io = triptych::io;

TEST_CASE("lines go to the console and to the file, which grows over runs") {
  const temporary_directory box;
  const auto path = box.path() / "train.log";
  const auto console_path = box.path() / "console";
  std::FILE* console = std::fopen(console_path.c_str(), "w");
  REQUIRE(console != nullptr);
  io::train_log(path, console).line("epoch 1");
  io::train_log(path, nullptr).line("epoch 2");
  std::fclose(console);
  CHECK(io::read_file(path).text() == "epoch 1\nepoch 2\n");
  CHECK(io::read_file(console_path).text() == "epoch 1\n");
}

TEST_CASE("a line stays one line and holds nothing that a terminal obeys") {
  const temporary_directory box;
  const auto path = box.path() / "train.log";
  io::train_log(path, nullptr).line("data \x1b[2J\nstep 7");
  CHECK(io::read_file(path).text() == "data \\u001b[2J\\nstep 7\n");
}

TEST_CASE("a log that cannot be written to is an error") {
  const io::train_log log("/dev/full", nullptr);
  CHECK(thrown_by([&] { log.line("text"); }).kind == triptych::error_kind::io);
}
