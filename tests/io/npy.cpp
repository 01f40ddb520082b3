#include <triptych/io/npy.hpp>

#include <cstring>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace triptych;
using namespace triptych::io;

TEST_CASE("A .npy file has the bytes that NumPy's format 1.0 says") {
  const temporary_directory dir;
  const auto bytes = [&](const auto& shape, const auto& values) {
    save_npy(dir.path() / "x.npy", shape, values);
    return std::string(read_file(dir.path() / "x.npy").text());
  };
  const auto head = [](const std::string& header) {  // ours need no more than 118 bytes
    std::string text("\x93NUMPY\x01\x00\x76\x00", 10);
    return text + header + std::string(117 - header.size(), ' ') + "\n";
  };
  const std::vector<float> values{1, -2, 0.5f, 3, 4, 5};
  const auto matrix = bytes(std::vector<std::int64_t>{2, 3}, values);
  CHECK(matrix.substr(0, 128) ==
        head("{'descr': '<f4', 'fortran_order': False, 'shape': (2,3,), }"));
  REQUIRE(matrix.size() == 128 + 24);
  CHECK(std::memcmp(matrix.data() + 128, values.data(), 24) == 0);
  const auto list = bytes(std::vector<std::int64_t>{2}, std::vector<std::int32_t>{7, -1});
  CHECK(list == head("{'descr': '<i4', 'fortran_order': False, 'shape': (2,), }") +
                    std::string("\x07\x00\x00\x00\xff\xff\xff\xff", 8));
  CHECK_THROWS_AS(save_npy(dir.path() / "x.npy", {3}, std::vector<float>{1, 2}), error);
}
