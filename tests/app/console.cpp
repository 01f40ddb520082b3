#include "triptych/console.hpp"

#include <csignal>
#include <fstream>
#include <sstream>
#include <streambuf>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "triptych/signals.hpp"

using namespace triptych::app;

TEST_CASE("A table has columns of equal width") {
  table t({"protocol", "top-1", "top-5"});
  t.add({"linear", "45.50", "92.1"});
  t.add({"kNN", "9.00"});
  std::ostringstream text;
  text << t;
  CHECK(text.str() == "protocol  top-1  top-5\n"
                      "linear    45.50   92.1\n"
                      "kNN        9.00\n");
}

TEST_CASE("A column without a heading is text") {
  table t({"", "top-1", ""});
  t.add({"a", "9.00", "a note"});
  t.add({"bc", "45.50", "on"});
  std::ostringstream text;
  text << t;
  CHECK(text.str() == "    top-1\n"
                      "a    9.00  a note\n"
                      "bc  45.50  on\n");
}

TEST_CASE("One very long cell does not widen every row of a table") {
  table t({"tensor", "bytes"});
  t.add({std::string(100'000, 'n'), "1"});
  for (int i = 0; i < 1000; ++i) t.add({"short", "2"});
  std::ostringstream text;
  text << t;
  CHECK(text.str().size() < 300'000);
  CHECK(text.str().find(std::string(100'000, 'n') + "      1\n") != std::string::npos);
}

TEST_CASE("The cells of a table are as wide as what is shown of them") {
  table t({"tensor", "type"});
  t.add({"a\x1b[8m\nb", "F32"});
  std::ostringstream text;
  text << t;
  CHECK(text.str() == "tensor         type\n"
                      "a\\u001b[8m\\nb   F32\n");
}

TEST_CASE("Lines before a stream reach it printable, in whatever pieces they come") {
  std::ostringstream text;
  std::ostream& stream = text;
  std::streambuf* const own = stream.rdbuf();
  {
    const printable_lines lines(stream);
    stream << "one\xC3"
           << "\xB6 " << 2 << '\x1b' << "[0m\n\ntwo\r\nend";
    CHECK(text.str() == "one\xC3\xB6 2\\u001b[0m\n\ntwo\\u000d\n");
    stream.flush();
    CHECK(text.str().ends_with("\nend"));
    stream << "\xC3";  // cut short
  }
  CHECK(stream.rdbuf() == own);
  CHECK(text.str().ends_with("\nend\\xc3"));
}

TEST_CASE("A stream that cannot take its lines says so") {
  std::ofstream full("/dev/full");
  const printable_lines lines(full);
  full << "text\n";
  CHECK_FALSE(full.flush());
}

TEST_CASE("Durations and sizes read well") {
  CHECK(duration_text(0.4) == "0 s");
  CHECK(duration_text(59.6) == "1 min 00 s");
  CHECK(duration_text(725) == "12 min 05 s");
  CHECK(duration_text(12000) == "3 h 20 min");
  CHECK(size_text(512) == "512 B");
  CHECK(size_text(3.5 * 1024 * 1024) == "3.5 MiB");
  CHECK(fixed(0.125, 2) == "0.12");
}

TEST_CASE("Quiet progress still logs its plain lines, no more often than the period") {
  std::vector<std::string> log;
  progress bar(true, [&](std::string_view line) { log.emplace_back(line); });
  CHECK(bar.due());
  bar.update("step 1");
  CHECK_FALSE(bar.due());
  bar.update("step 2");
  bar.note("epoch 1 ended");
  CHECK(log == std::vector<std::string>{"step 1", "epoch 1 ended"});
}

TEST_CASE("Signals are noticed and change nothing else") {
  signals::install();
  CHECK(signals::stop_requested() == 0);
  CHECK_FALSE(signals::take_checkpoint_request());
  std::raise(SIGUSR1);
  CHECK(signals::take_checkpoint_request());
  CHECK_FALSE(signals::take_checkpoint_request());
  std::raise(SIGTERM);
  CHECK(signals::stop_requested() == SIGTERM);
}
