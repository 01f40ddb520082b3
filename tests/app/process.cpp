// How the app ends where its surroundings are poor: no descriptors, no directory, no memory, no
// threads, signals that are ignored, names that a terminal would obey.
#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <triptych/core/printable.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych::test;
namespace io = triptych::io;

namespace {

/// The shell's words to run the app with `arguments` after `before`, which may limit or close
/// something; `redirections` follow the command.
words in_shell(const std::string& before, const words& arguments,
               const std::string& redirections = "") {
  return words{"-c", before + "exec \"$0\" \"$@\" " + redirections, TRIPTYCH_APP} + arguments;
}

app_result call_in_shell(const std::string& before, const words& arguments,
                         const std::string& redirections = "") {
  return run_app("/bin/sh", in_shell(before, arguments, redirections));
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// One sentence of the app, and none that asks to be reported.
void check_sentence(const app_result& result) {
  CHECK(result.err.starts_with("triptych: "));
  CHECK(std::count(result.err.begin(), result.err.end(), '\n') == 1);
  CHECK_FALSE(has(result.err, "unexpected"));
}

/// Whether a terminal would show all of `text` and obey none of it but the ends of its lines.
bool harmless(std::string text) {
  std::erase(text, '\n');
  return triptych::printable(text) == text;
}

std::string limited(int kibibytes) { return "ulimit -v " + std::to_string(kibibytes) + "; "; }

/// Address space, in KiB, with which the app can do this, and little more.
int room_for(const words& arguments) {
  const auto fits = [&](int room) { return call_in_shell(limited(room), arguments).code == 0; };
  int room = 10'000;
  while (!fits(room)) {
    room += room / 4;
    REQUIRE(room < 100'000'000);
  }
  for (int less = room / 10; less > 1000; less /= 2) {
    if (fits(room - less)) room -= less;
  }
  return room + 4000;
}

}  // namespace

TEST_CASE("Closed standard descriptors do not get what is written mixed into the run's files") {
  const tiny_run run;
  const words line = words{"train", "--out", run.root().string(), "--threads", "2"} + tiny_options;
  REQUIRE(call_app(line).code == 0);
  const auto expected = outcome(run);
  for (int closed = 1; closed < 8; ++closed) {
    fs::remove_all(run.root());
    std::string redirections;
    if ((closed & 1) != 0) redirections += "<&- ";
    if ((closed & 2) != 0) redirections += ">&- ";
    if ((closed & 4) != 0) redirections += "2>&- ";
    INFO(redirections);
    const auto result = call_in_shell("", line, redirections);
    INFO(result.err);
    CHECK(result.code == ((closed & 2) != 0 ? 74 : 0));  // results that nobody can get
    CHECK(has(result.err, "cannot write the results to stdout") == ((closed & 6) == 2));
    CHECK(differing(expected, outcome(run)) == words{});
    const auto owner = text_of(run.root() / "lock");
    CHECK(owner.find_first_not_of("0123456789") == std::string::npos);
    CHECK(run.status()["state"] == "done");
    CHECK(call_app({"inspect", run.root().string()}).code == 0);
  }
  CHECK(call_in_shell("", {"inspect", "/nowhere"}, "<&- >&- 2>&-").code == 2);
}

TEST_CASE("A run that was started to ignore the terminal's signals ignores them") {
  const tiny_run run;
  running_app program("/bin/sh", in_shell("trap '' HUP INT; ", run.line(longer)));
  REQUIRE(run.reaches(3, program));
  program.send(SIGHUP);
  program.send(SIGINT);
  CHECK(program.wait().code == 0);
  CHECK(run.status()["state"] == "done");
}

TEST_CASE("A start loads no library that only a GPU needs, and doctor finds it") {
  const auto needed = run_app(TRIPTYCH_APP, {"--version"}, {"LD_TRACE_LOADED_OBJECTS=1"});
  INFO(needed.out);
  CHECK(has(needed.out, "libc.so"));
  CHECK_FALSE(has(needed.out, "libcublas"));
  const auto said = call_app({"doctor"}).out;
  INFO(said);
  if (has(said, "cuBLAS")) CHECK_FALSE(has(said, "cuBLAS none"));
}

TEST_CASE("A program takes the kernels that are asked for where it has them") {
  const auto used = [](const words& variables) {
    const auto said = call_app({"doctor", "--json"}, variables);
    INFO(said.err);
    REQUIRE(said.code == 0);
    return nlohmann::json::parse(said.out)["cpu"]["kernels"];
  };
  const auto kernels = used({});
  for (const std::string set : kernels["built"]) {
    const auto asked = call_app({"doctor", "--json"}, {"TRIPTYCH_ISA=" + set});
    if (asked.code == 0) {
      CHECK(nlohmann::json::parse(asked.out)["cpu"]["kernels"]["used"] == set);
    } else {  // this processor is without
      CHECK(asked.code == 2);
      CHECK(has(asked.err, "; give one of sse2"));
    }
  }
  CHECK(used({"TRIPTYCH_ISA=" + kernels["used"].get<std::string>()}) == kernels);
  const auto other = call_app({"doctor"}, {"TRIPTYCH_ISA=mmx"});
  INFO(other.err);
  CHECK(other.code == 2);
  CHECK(has(other.err, "TRIPTYCH_ISA is mmx"));
  check_sentence(other);
}

TEST_CASE("A working directory that is gone is no reason to fail where no path begins there") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const auto gone = run.beside("gone").string();
  const std::string before = "mkdir " + gone + " && cd " + gone + " && rmdir " + gone + " && ";
  const auto root = run.root().string();
  for (const words& line : {run.line(tiny_options + words{"--overwrite"}), words{"inspect", root},
                            words{"doctor"}, words{"eval", root, "--protocol", "knn"},
                            words{"embed", root, "--out", run.beside("features").string()},
                            words{"data", "verify", "procedural", "--procedural-train", "20"}}) {
    const auto result = call_in_shell(before, line);
    INFO(line.front() << ": " << result.err);
    CHECK(result.code == 0);
  }
  const auto facts = nlohmann::json::parse(text_of(run.root() / "environment.json"));
  CHECK(facts["directory"] == "");
  for (const words& line :
       {words{"train"} + last_wins(tiny_options + words{"--out", "run"}), words{"inspect", "run"},
        words{"eval", "run"}, words{"data", "show", "procedural", "--procedural-train", "20"},
        words{"reproduce", "table1"} + tiny_options}) {
    const auto result = call_in_shell(before, line + words{});
    INFO(line.front() << ": " << result.err);
    CHECK((result.code == 2 || result.code == 74));
    check_sentence(result);
  }
}

TEST_CASE("Little memory ends a command with code 7 and a sentence, however little it is") {
  const tiny_run run;
  REQUIRE(run.train().code == 0);
  const std::string root = run.root().string();
  const words one{"--threads", "1", "--quiet"};
  const int least = room_for({"--version"});
  for (const words& line : {run.line(tiny_options + words{"--overwrite", "--threads", "1"}),
                            words{"eval", root, "--batch", "16", "--epochs", "1"} + one,
                            words{"embed", root, "--out", run.beside("features").string()} + one,
                            words{"data", "verify", "procedural", "--procedural-train", "2000"}}) {
    const int enough = room_for(line);
    for (int part = 0; part < 5; ++part) {
      const int room = least + (enough - least) * part / 5;
      const auto result = call_in_shell(limited(room), line);
      INFO(line.front() << " in " << room << " KiB: " << result.err);
      CHECK((result.code == 7 || result.code == 0));
      if (result.code != 0) check_sentence(result);
    }
  }
}

TEST_CASE("What is advised where memory is short is of this command, and helps") {
  const words few{"--procedural-train", "64"}, many{"--procedural-train", "100000"};
  const tiny_run run;
  const auto train = [&](const words& images) {
    return run.line(tiny_options + words{"--threads", "1", "--overwrite"} + images);
  };
  const auto verify = [&](const words& images) {
    return words{"data", "verify", "procedural", "--threads", "1"} + images;
  };
  for (const bool trains : {true, false}) {
    const int room = room_for(trains ? train(few) : verify(few));
    const auto failed = call_in_shell(limited(room), trains ? train(many) : verify(many));
    INFO(failed.err);
    CHECK(failed.code == 7);
    check_sentence(failed);
    CHECK(has(failed.err, "fewer images (--procedural-train)"));
    CHECK(call_in_shell(limited(room), trains ? train(few) : verify(few)).code == 0);
  }
  // Of a training run, what takes most of it.
  struct row {
    words large;
    std::string named;
  };
  const words small =
      run.line(tiny_options + words{"--threads", "1", "--overwrite", "--max-steps", "1"});
  const int room = room_for(small);
  for (const auto& [large, named] :
       {row{{"--head", "2048,2048"}, "a smaller --head"},
        row{{"--queue", "4000000"}, "a smaller --queue"},
        row{{"--predictor-hidden", "1000000"}, "a smaller --predictor-hidden"},
        row{{"--width", "128"}, "a smaller --width"}}) {
    const auto failed = call_in_shell(limited(room), last_wins(small + large));
    INFO(failed.err);
    CHECK(failed.code == 7);
    CHECK(has(failed.err, named));
  }
  CHECK(call_in_shell(limited(room), small).code == 0);
  const auto file = run.beside("large.safetensors");
  std::ofstream(file, std::ios::binary).write("\0\0\0\5\0\0\0\0", 8);  // a header of 80 MiB
  fs::resize_file(file, 90 << 20);
  const auto failed = call_in_shell(limited(room_for({"--version"})), {"inspect", file.string()});
  INFO(failed.err);
  CHECK(failed.code == 7);
  check_sentence(failed);
  CHECK_FALSE(has(failed.err, "--"));
}

TEST_CASE("A thread that cannot be started ends a command with a sentence whose advice helps") {
  const tiny_run run;
  for (const bool trains : {true, false}) {
    const auto with = [&](const char* number) {
      const words threads{"--threads", number};
      return trains ? run.line(tiny_options + words{"--overwrite"} + threads)
                    : words{"data", "verify", "procedural", "--procedural-train", "64"} + threads;
    };
    const int room = room_for(with("1"));
    const auto failed = call_in_shell(limited(room), with("1024"));
    INFO(failed.err);
    CHECK(failed.code == 7);
    check_sentence(failed);
    CHECK(has(failed.err, " of 1024: "));
    CHECK(has(failed.err, "--threads 1"));
    CHECK_FALSE(has(failed.err, "of a new run"));
    CHECK(call_in_shell(limited(room), with("1")).code == 0);
  }
}

TEST_CASE("Names and texts from files reach the terminal without their control characters") {
  const std::string hostile = "gr\xC3\xB6\xC3\x9F"
                              "e \x1b[31m\xC2\x9B"
                              "2J\x07\r\n\xFF";
  const tiny_run run;
  const auto box = run.beside("box " + hostile);
  fs::create_directory(box);
  const std::vector<float> numbers{1, 2};
  const std::string utf8 = hostile.substr(0, hostile.size() - 1);
  const auto file = box / "model.safetensors";
  io::save_safetensors(file, {io::tensor_of("w " + utf8, {2}, std::span<const float>(numbers))},
                       {{"format" + utf8, "pt" + utf8}});
  const auto check = [](const app_result& result, int code) {
    INFO(result.out << result.err);
    CHECK(result.code == code);
    CHECK(harmless(result.out));
    CHECK(harmless(result.err));
    CHECK(has(result.out + result.err, "gr\xC3\xB6\xC3\x9F"
                                       "e \\u001b[31m\\u009b2J\\u0007\\u000d\\n"));
  };
  check(call_app({"inspect", file.string()}), 0);
  const auto json = call_app({"inspect", file.string(), "--json"});
  CHECK(harmless(json.out));
  CHECK(nlohmann::json::parse(json.out)["tensors"].contains("w " + utf8));

  // A run of such a name, its data, and what its status says.
  const auto root = (box / "run").string();
  words train{"train", "--out", root, "--threads", "2"};
  check(call_app(train + tiny_options), 0);
  check(call_app(train + words{"--resume"}), 0);
  CHECK(harmless(text_of(fs::path(root) / "train.log")));
  check(call_app({"eval", root, "--protocol", "knn"}), 0);
  check(call_app({"embed", root, "--out", (box / "features").string()}), 0);
  std::ofstream(fs::path(root) / "status.json")
      << "{\"state\": " << io::json_string(utf8) << ", \"step\": 1}";
  check(call_app({"inspect", root}), 0);

  // Complaints.
  const auto none = (box / "none").string();
  check(call_app({"train", "--config", none}), 2);
  check(call_app({"inspect", none}), 2);
  check(call_app({"train", "--" + hostile}), 2);
  check(call_app({hostile}), 2);
  const words folder{"--data", "folder", "--image-size", "8", "--data-dir", box.string()};
  check(call_app(words{"train"} + folder), 5);
  const words few{"data", "show", "procedural", "--procedural-train", "20"};
  check(call_app(few + words{"--out", (box / "sheet.ppm").string()}), 0);
}
