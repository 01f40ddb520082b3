#include <triptych/io/hash.hpp>

#include <string>
#include <vector>

#include <support/catch.hpp>

namespace io = triptych::io;

TEST_CASE("XXH64 gives its published values") {
  CHECK(io::hex_text(io::digest_of(std::string_view()).xxh64) == "ef46db3751d8e999");
  CHECK(io::hex_text(io::digest_of(std::string_view("a")).xxh64) == "d24ec4f1a98c6e5b");
  CHECK(io::hex_text(io::digest_of(std::string_view("abc")).xxh64) == "44bc2cf5ad770999");
}

TEST_CASE("a checksum taken in pieces is the checksum of the whole") {
  const std::vector<std::byte> bytes(1000, std::byte{7});
  io::hasher hash;
  const std::span whole(bytes);
  hash.add(whole.first(1));
  hash.add(whole.subspan(1, 500));
  hash.add(whole.subspan(501));
  CHECK(hash.result() == io::digest_of(whole));
  CHECK(hash.result().bytes == 1000);
}
