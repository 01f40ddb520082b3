#include <triptych/io/failpoint.hpp>

#include <support/catch.hpp>
#include <support/child_process.hpp>
#include <support/thrown.hpp>

namespace io = triptych::io;

namespace {

struct setting {
  explicit setting(const char* value) { ::setenv("TRIPTYCH_FAILPOINT", value, 1); }
  ~setting() { ::unsetenv("TRIPTYCH_FAILPOINT"); }
};

}  // namespace

TEST_CASE("a failpoint does nothing unless it is asked for") {
  CHECK(io::failpoint("write") == 0);
  const setting other("sync:EIO");
  CHECK(io::failpoint("write") == 0);
}

TEST_CASE("a failpoint strikes once, at the passage that is asked for") {
  const setting third("write#3:ENOSPC");
  CHECK(io::failpoint("write") == 0);
  CHECK(io::failpoint("sync") == 0);
  CHECK(io::failpoint("write") == 0);
  CHECK(io::failpoint("write") == ENOSPC);
  CHECK(io::failpoint("write") == 0);
}

TEST_CASE("a star counts the passages of all names") {
  const setting second("*#2:EIO");
  CHECK(io::failpoint("open") == 0);
  CHECK(io::failpoint("write") == EIO);
}

TEST_CASE("a failpoint without an action kills the process") {
  CHECK(exit_code_of_child([] {
          ::setenv("TRIPTYCH_FAILPOINT", "rename", 1);
          io::failpoint("rename");
        }) == 137);
}

TEST_CASE("an unknown action of a failpoint is refused") {
  const setting wrong("open:EWHAT");
  const auto thrown = thrown_by([] { io::failpoint("open"); });
  CHECK(thrown.kind == triptych::error_kind::usage);
  CHECK(thrown.says("EWHAT"));
}
