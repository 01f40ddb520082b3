#include <triptych/io/owned_names.hpp>

#include <string>
#include <vector>

#include <unistd.h>

#include <support/catch.hpp>
#include <support/temporary_directory.hpp>
#include <support/text_of.hpp>
#include <support/thrown.hpp>

namespace io = triptych::io;
namespace fs = std::filesystem;
using triptych::error_kind;
using triptych::test::text_of;

TEST_CASE("a list names what was claimed, and is on the disk before that is made") {
  const temporary_directory box;
  io::owned_names owned(box.path());
  owned.claim({"latest", "step-000010/MANIFEST.json"});
  CHECK(text_of(box.path() / ".triptych") == "triptych 1\nlatest\nstep-000010/MANIFEST.json\n");
  const io::owned_names again(box.path());
  CHECK(again.has("latest"));
  CHECK(again.has("step-000010"));
  CHECK_FALSE(again.has("step-00001"));
  CHECK_FALSE(again.has("step-000010/model.safetensors"));
}

TEST_CASE("what somebody else has put there cannot be claimed, whatever it is") {
  const temporary_directory box;
  box.write("config.toml", std::string("mine"));
  box.write("step-000010/notes", std::string("mine"));
  box.write("step-000020/MANIFEST.json", std::string("mine"));
  fs::create_symlink("nowhere", box.path() / "latest");
  io::owned_names owned(box.path());
  const auto refused = [&](const std::string& name) {
    const auto thrown = thrown_by([&] { owned.claim({"free", name}); });
    return thrown.kind == error_kind::usage && thrown.says(name) &&
           thrown.says("not written by triptych");
  };
  for (const char* name : {"config.toml", "latest", "step-000020/MANIFEST.json"}) {
    CHECK(refused(name));
  }
  CHECK_FALSE(owned.has("free"));
  CHECK_FALSE(fs::exists(box.path() / ".triptych"));
  CHECK_NOTHROW(owned.claim({"step-000010/MANIFEST.json"}));  // beside the notes
}

TEST_CASE("only what is listed is removed, a directory with foreign files but for them") {
  const temporary_directory box;
  io::owned_names owned(box.path());
  owned.claim({"a", "b", "one/x", "two/x"});
  for (const char* name : {"a", "c", "one/x", "two/x", "two/notes", "three/x"}) {
    box.write(name, std::string("x"));
  }
  owned.remove({"a", "b", "c", "one", "two", "three"});
  for (const char* gone : {"a", "one", "two/x"}) CHECK_FALSE(fs::exists(box.path() / gone));
  for (const char* left : {"c", "two/notes", "three/x"}) CHECK(fs::exists(box.path() / left));
  CHECK(text_of(box.path() / ".triptych") == "triptych 1\n");
  io::remove_owned(box.path());
  CHECK_FALSE(fs::exists(box.path() / ".triptych"));
  CHECK(fs::exists(box.path() / "c"));
}

TEST_CASE("leftovers are those of listed names and of no others") {
  const temporary_directory box;
  io::owned_names owned(box.path());
  owned.claim({"table.md", "step-000010/MANIFEST.json", "step-000010/model.safetensors"});
  const char* ours[] = {".tmp-table.md-12", ".tmp-table.md-12.3", ".tmp-.triptych-7",
                        ".tmp-step-000010-7/model.safetensors",
                        ".tmp-step-000010-7/.tmp-MANIFEST.json-7"};
  const char* foreign[] = {".tmp-cache",    ".tmp-other.md-12",
                           ".tmp-table.md", ".tmp-table.md-12x",
                           ".tmp-",         ".tmp-step-000010-8/notes"};
  for (const char* name : ours) box.write(name, std::string("x"));
  for (const char* name : foreign) box.write(name, std::string("x"));
  owned.clear_leftovers();
  for (const char* name : ours) CHECK_FALSE(fs::exists(box.path() / name));
  CHECK_FALSE(fs::exists(box.path() / ".tmp-step-000010-7"));
  for (const char* name : foreign) CHECK(fs::exists(box.path() / name));
}

TEST_CASE("no line of a list leads out of its directory") {
  const temporary_directory box;
  const auto precious = box.write("precious/x", std::string("mine"));
  box.write("run/.triptych", "triptych 1\n../precious/x\n" + precious.string() +
                                 "\nlink/x\n..\n.\n\n.triptych\na/../../precious/x\nown\n");
  box.write("run/own", std::string("x"));
  fs::create_directory_symlink(box.path() / "precious", box.path() / "run/link");
  io::owned_names owned(box.path() / "run");
  CHECK(owned.has("own"));
  CHECK_FALSE(owned.has(".."));
  CHECK_FALSE(owned.has("a"));
  owned.remove_all();
  CHECK(text_of(precious) == "mine");
  CHECK_FALSE(fs::exists(box.path() / "run/own"));
}

TEST_CASE("a file that only has the list's name stays, and nothing is ours then") {
  const temporary_directory box;
  const auto thesis = box.write("thesis", std::string("triptych 1\nthesis\n"));
  for (const std::string text : {"", "triptych 2\nown\n", "my notes\n"}) {
    box.write("run/.triptych", text);
    io::owned_names owned(box.path() / "run");
    CHECK_FALSE(owned.has("own"));
    CHECK(thrown_by([&] { owned.claim({"own"}); }).kind == error_kind::usage);
    CHECK(text_of(box.path() / "run/.triptych") == text);
  }
  fs::remove(box.path() / "run/.triptych");
  fs::create_symlink(thesis, box.path() / "run/.triptych");
  io::owned_names linked(box.path() / "run");
  CHECK_FALSE(linked.has("thesis"));
  CHECK(thrown_by([&] { linked.claim({"own"}); }).kind == error_kind::usage);
  CHECK(text_of(thesis) == "triptych 1\nthesis\n");
}
