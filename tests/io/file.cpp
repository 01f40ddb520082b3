#include <triptych/io/file.hpp>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <support/catch.hpp>
#include <support/child_process.hpp>
#include <support/temporary_directory.hpp>
#include <support/text_of.hpp>
#include <support/thrown.hpp>

namespace io = triptych::io;
namespace fs = std::filesystem;
using triptych::error_kind;
using triptych::test::text_of;

namespace {

std::size_t entries(const fs::path& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

bool files_may_be_unnamed(const fs::path& directory) {
  return io::held_directory(directory).try_open(".", O_WRONLY | O_TMPFILE).get() >= 0;
}

}  // namespace

TEST_CASE("a file is replaced as a whole, and nothing else is left behind") {
  const temporary_directory box;
  const auto path = box.path() / "note.txt";
  io::replace_file(path, "first");
  CHECK(text_of(path) == "first");
  io::replace_file(path, "");
  CHECK(text_of(path).empty());
  CHECK(entries(box.path()) == 1);
}

TEST_CASE("a file that is replaced keeps who may read it, also while it is written") {
  const temporary_directory box;
  const auto path = box.path() / "note.txt";
  for (const mode_t mode : {0600u, 0640u, 0666u, 0400u}) {
    io::replace_file(path, "old");
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    io::replace_file_with(path, [&](const io::descriptor& fd, const fs::path& name) {
      struct stat status {};
      REQUIRE(::fstat(fd.get(), &status) == 0);
      CHECK((status.st_mode & 07777) == mode);
      io::write_all(fd, "new", name);
    });
    CHECK(static_cast<mode_t>(fs::status(path).permissions()) == mode);
    CHECK(text_of(path) == "new");
    fs::remove(path);
  }
}

TEST_CASE("a link in the place of what is not finished is neither followed nor in the way") {
  const temporary_directory box;
  const auto precious = box.write("precious", std::string("mine"));
  const std::string temporary = ".tmp-note.txt-" + std::to_string(::getpid());
  fs::create_symlink(precious, box.path() / temporary);
  box.write(temporary + ".1", std::string("of an earlier process of this number"));
  io::replace_file(box.path() / "note.txt", "text");
  CHECK(text_of(precious) == "mine");
  CHECK(text_of(box.path() / "note.txt") == "text");
  CHECK_FALSE(fs::is_symlink(box.path() / "note.txt"));
  CHECK(io::name_of_temporary(temporary) == "note.txt");
}

TEST_CASE("a name that is a link is replaced, and where it leads stays as it is") {
  const temporary_directory box;
  const auto precious = box.write("precious", std::string("mine"));
  fs::create_symlink(precious, box.path() / "note.txt");
  io::replace_file(box.path() / "note.txt", "text");
  CHECK(text_of(precious) == "mine");
  CHECK(text_of(box.path() / "note.txt") == "text");
}

TEST_CASE(
    "what a directory that is held open is asked for happens there, wherever its path leads") {
  const temporary_directory box;
  fs::create_directory(box.path() / "here");
  fs::create_directory(box.path() / "elsewhere");
  const io::held_directory here(box.path() / "here");
  fs::rename(box.path() / "here", box.path() / "moved");
  fs::create_directory_symlink("elsewhere", box.path() / "here");
  io::replace_in(here, "note", [](const io::descriptor& fd, const fs::path& name) {
    io::write_all(fd, "text", name);
  });
  CHECK(text_of(box.path() / "moved/note") == "text");
  CHECK(fs::is_empty(box.path() / "elsewhere"));
  CHECK(here.names() == std::vector<std::string>{"note"});
}

TEST_CASE("an interrupted listing or removal goes on") {
  const temporary_directory box;
  for (const char* name : {"a", "b", "c"}) box.write(name, std::string("x"));
  const io::held_directory held(box.path());
  for (const char* point : {"list#1", "list#2", "list#4", "open", "remove"}) {
    ::setenv("TRIPTYCH_FAILPOINT", (std::string(point) + ":EINTR").c_str(), 1);
    box.write("c", std::string("x"));
    CHECK(held.names().size() == 3);
    CHECK(held.status("c"));
    held.remove("c");
    ::unsetenv("TRIPTYCH_FAILPOINT");
    CHECK(io::names_in(box.path()).size() == 2);
  }
  ::setenv("TRIPTYCH_FAILPOINT", "list#2:EIO", 1);
  CHECK(thrown_by([&] {
          static_cast<void>(held.names());
        }).says("cannot list " + box.path().string()));
  ::setenv("TRIPTYCH_FAILPOINT", "list#1:ENOMEM", 1);
  CHECK_THROWS_AS(io::names_in(box.path()), std::bad_alloc);
  ::unsetenv("TRIPTYCH_FAILPOINT");
}

TEST_CASE("whenever replacing fails or dies, the old or the whole new file is there") {
  const temporary_directory box(memory_parent());
  const auto path = box.path() / "note.txt";
  for (const std::string action : {"kill", "ENOSPC", "EIO", "EINTR", "short"}) {
    int struck = 0, left_behind = 0;
    for (int k = 1;; ++k) {
      io::replace_file(path, "old");
      const int code = exit_code_of_child([&] {
        ::setenv("TRIPTYCH_FAILPOINT", ("*#" + std::to_string(k) + ":" + action).c_str(), 1);
        io::replace_file(path, "all new");
        ::_exit(io::failpoint("end") == 0 ? 0 : 1);
      });
      CAPTURE(action, k, code);
      const std::string text = text_of(path);
      REQUIRE((code == 0 ? text == "all new" : text == "old" || text == "all new"));
      if (action == "ENOSPC" || action == "EIO") REQUIRE(entries(box.path()) == 1);
      if (action == "kill") {
        // Between two names, or all along where files must have one.
        left_behind += entries(box.path()) > 1;
        for (const auto& entry : fs::directory_iterator(box.path())) {
          if (entry.path() != path) fs::remove(entry.path());
        }
      }
      REQUIRE((code == 0 || code == 137 || code == 74 || code == 1));
      if (code == 0 && k > 12) break;
      struck += code != 0;
    }
    const bool harmless = action == "EINTR" || action == "short";
    CHECK(struck >= (harmless ? 1 : 6));
    if (files_may_be_unnamed(box.path())) CHECK(left_behind <= 1);
  }
}

TEST_CASE("nothing is left of a new file that was not finished, however the process ended") {
  const temporary_directory box;
  if (!files_may_be_unnamed(box.path())) return;
  for (const std::string point : {"write", "sync", "link"}) {
    CAPTURE(point);
    CHECK(exit_code_of_child([&] {
            ::setenv("TRIPTYCH_FAILPOINT", point.c_str(), 1);
            io::replace_file(box.path() / "note.txt", "text");
          }) == 137);
    CHECK(fs::is_empty(box.path()));
  }
}

TEST_CASE("a file of more bytes than may be asked for is refused before they are taken") {
  const temporary_directory box;
  const auto path = box.write("long", std::string());
  fs::resize_file(path, io::longest_text + 1);  // holds no block
  const auto thrown = thrown_by([&] { static_cast<void>(io::read_file(path)); });
  CHECK(thrown.kind == error_kind::io);
  CHECK(thrown.says("is longer than 67108864 bytes"));
  CHECK(io::read_file(path, io::any_length).size == io::longest_text + 1);
}

TEST_CASE("a full disk is an error that names the file and the next step") {
  const auto thrown = thrown_by([] { io::replace_file("/dev/full", "text"); });
  CHECK(thrown.kind == error_kind::io);
  CHECK(thrown.says("/dev/full"));
  CHECK(thrown.sentence.ends_with("; free some disk space, then try again"));
  CHECK(fs::is_character_file("/dev/full"));
}

TEST_CASE("the file size limit is an error once its signal is ignored") {
  const temporary_directory box;
  CHECK(exit_code_of_child([&] {
          io::ignore_file_size_signal();
          const rlimit limit{1000, 1000};
          ::setrlimit(RLIMIT_FSIZE, &limit);
          io::replace_file(box.path() / "big", std::string(5000, 'x'));
        }) == 74);
  CHECK(entries(box.path()) == 0);
}

TEST_CASE("a directory that may not be written to is an error") {
  const temporary_directory box;
  fs::permissions(box.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                  fs::perms::others_read | fs::perms::others_exec);
  CHECK(exit_code_of_child([&] {
          if (::geteuid() == 0 && ::seteuid(65534) != 0) ::_exit(98);
          io::replace_file(box.path() / "note", "text");
        }) == 74);
  fs::permissions(box.path(), fs::perms::owner_all);
}

TEST_CASE("reading refuses what is missing or no regular file, and does not hang on a pipe") {
  const temporary_directory box;
  const auto pipe = box.path() / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  for (const fs::path& path : {box.path() / "absent", box.path(), pipe, fs::path("/dev/zero")}) {
    const auto thrown = thrown_by([&] { static_cast<void>(io::read_file(path)); });
    CHECK(thrown.kind == error_kind::io);
    CHECK(thrown.says(path.string()));
  }
}

TEST_CASE("what cannot be looked at is not taken for missing") {
  const temporary_directory box;
  CHECK(io::is_there(box.path()));
  CHECK(io::is_a_directory(box.path()));
  CHECK_FALSE(io::is_there(box.path() / "missing"));
  io::replace_file(box.path() / "note", "");
  CHECK_FALSE(io::is_a_directory(box.path() / "note"));
  CHECK_FALSE(io::is_there(box.path() / "note/below"));
  const auto thrown = thrown_by([&] { io::is_there(box.path() / std::string(300, 'n')); });
  CHECK(thrown.kind == error_kind::io);
  CHECK(thrown.says("cannot look at"));
}

TEST_CASE("directories are made with those above them") {
  const temporary_directory box;
  const auto deep = box.path() / "a/b/c";
  io::make_directories(deep);
  io::make_directories(deep / "");
  CHECK(fs::is_directory(deep));
  box.write("file", std::string("x"));
  CHECK(thrown_by([&] { io::make_directories(box.path() / "file/below"); }).kind == error_kind::io);
}
