#include "triptych/console.hpp"

#include <csignal>
#include <sstream>
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

TEST_CASE("One very long cell does not widen every row of a table") {
  table t({"tensor", "bytes"});
  t.add({std::string(100'000, 'n'), "1"});
  for (int i = 0; i < 1000; ++i) t.add({"short", "2"});
  std::ostringstream text;
  text << t;
  CHECK(text.str().size() < 300'000);
  CHECK(text.str().find(std::string(100'000, 'n') + "      1\n") != std::string::npos);
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
