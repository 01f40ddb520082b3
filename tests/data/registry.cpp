#include <triptych/data/registry.hpp>

#include <cstdlib>
#include <string>

#include "data/cifar_fixture.hpp"
#include "support/catch.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

namespace {

/// Sets an environment variable for the length of a scope.
class environment {
 public:
  environment(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) {
      old_ = old;
      had_ = true;
    }
    ::setenv(name, value.c_str(), 1);
  }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;
  ~environment() { had_ ? ::setenv(name_, old_.c_str(), 1) : ::unsetenv(name_); }

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

}  // namespace

TEST_CASE("a data set is found in its own directory and in the one that its archive unpacks to") {
  const temporary_directory dir;
  write_cifar10(dir, 2, "own/");
  write_cifar10(dir, 3, "parent/cifar-10-batches-bin/");
  CHECK(load({"cifar10", dir.path() / "own"}).train.size() == 10);
  CHECK(load({"cifar10", dir.path() / "parent"}).train.size() == 15);
  CHECK(load({"cifar10", dir.path() / "parent", 1}).test.size() == 1);
}

TEST_CASE("without a directory the environment is looked at, then the cache") {
  const temporary_directory dir;
  write_cifar10(dir, 2, "env/cifar-10-batches-bin/");
  write_cifar10(dir, 3, "cache/triptych/cifar-10-batches-bin/");
  const environment cache("XDG_CACHE_HOME", (dir.path() / "cache").string());
  {
    const environment data("TRIPTYCH_DATA_DIR", (dir.path() / "env").string());
    CHECK(load({"cifar10", {}}).train.size() == 10);
  }
  const environment data("TRIPTYCH_DATA_DIR", (dir.path() / "nothing").string());
  CHECK(load({"cifar10", {}}).train.size() == 15);
}

TEST_CASE("a missing data set says where it looked and how to get it") {
  const temporary_directory dir;
  const environment cache("XDG_CACHE_HOME", (dir.path() / "cache").string());
  const environment data("TRIPTYCH_DATA_DIR", (dir.path() / "env").string());
  auto e = thrown_by([] { load({"cifar100", {}}); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says((dir.path() / "env").string()));
  CHECK(e.says((dir.path() / "cache" / "triptych").string()));
  CHECK(e.says("cifar-100-binary.tar.gz"));

  e = thrown_by([&] { load({"tiny_imagenet", dir.path() / "given"}); });
  CHECK(e.says((dir.path() / "given").string()));
  CHECK_FALSE(e.says((dir.path() / "env").string()));  // a given directory is the only place

  CHECK(thrown_by([] { load({"folder", {}}); }).says("`data-dir`"));
}

TEST_CASE("an unknown name suggests the nearest") {
  const auto e = thrown_by([] { load({"cifar-10", {}}); });
  CHECK(e.kind == error_kind::usage);
  CHECK(e.says("did you mean 'cifar10'"));
}

TEST_CASE("procedural images need no directory, and wrong numbers are usage errors") {
  source s;
  s.procedural_train = 12;
  s.procedural_test = 4;
  CHECK(load(s).train.size() == 12);
  s.limit_per_file = -1;
  CHECK(thrown_by([&] { load(s); }).kind == error_kind::usage);
}
