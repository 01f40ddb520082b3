#include <triptych/io/safetensors.hpp>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <support/catch.hpp>
#include <support/temporary_directory.hpp>
#include <support/text_of.hpp>
#include <support/thrown.hpp>
#include <triptych/core/philox.hpp>

namespace io = triptych::io;
namespace fs = std::filesystem;
using triptych::error_kind;
using triptych::test::text_of;

namespace {

/// A file's bytes from its header text and data.
std::string raw_file(const std::string& json, std::size_t data_size) {
  const std::uint64_t length = json.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + json + std::string(data_size, 'd');
}

io::safetensors_file parse(const std::string& file) {
  io::file_bytes bytes{std::make_unique<std::byte[]>(file.size()), file.size()};
  if (!file.empty()) std::memcpy(bytes.data.get(), file.data(), file.size());
  return io::safetensors_file::parse("test.safetensors", std::move(bytes));
}

thrown_error refusal_of_bytes(const std::string& file) {
  return thrown_by([&] { parse(file); });
}

std::string tensor(const std::string& name, const std::string& type, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + type + "\",\"shape\":[" + shape +
         "],\"data_offsets\":[" + offsets + "]}";
}

/// A small file with several types, saved by the writer.
std::string small_file(const fs::path& directory) {
  const std::vector<float> weights{1.5f, -2, std::numeric_limits<float>::quiet_NaN(), 4, 5, 6};
  const std::vector<double> loss{0.1};
  const std::vector<std::int64_t> steps{-7};
  const std::vector<std::uint8_t> pixels{1, 2, 3};
  const std::vector<std::int32_t> labels{9, 8};
  io::save_safetensors(directory / "small.safetensors",
                       {io::tensor_of("weight", {2, 3}, std::span(weights)),
                        io::tensor_of("loss", {}, std::span(loss)),
                        io::tensor_of("steps", {1}, std::span(steps)),
                        io::tensor_of("pixels", {3}, std::span(pixels)),
                        io::tensor_of("labels", {2}, std::span(labels)),
                        io::tensor_of("empty", {0, 5}, std::span<const float>())},
                       {{"format", "pt"}, {"note", "a \"quoted\"\nline"}});
  return text_of(directory / "small.safetensors");
}

}  // namespace

TEST_CASE("numbers are counted without multiplying extents, whose product may overflow") {
  CHECK(io::count_of({"none", io::dtype::f32, {std::int64_t{1} << 62, 3, 0}, 0, 0}) == 0);
  CHECK(io::count_of({"nibbles", io::dtype::f4, {2}, 7, 8}) == 2);
  CHECK(io::count_of({"some", io::dtype::f64, {2, 3}, 8, 56}) == 6);
}

TEST_CASE("what was written is read back, bit for bit") {
  const temporary_directory box;
  small_file(box.path());
  const auto file = io::safetensors_file::open(box.path() / "small.safetensors");
  const auto weight = file.values<float>("weight");
  CHECK(file.info("weight").shape == io::tensor_shape{2, 3});
  CHECK(weight[1] == -2);
  CHECK(std::isnan(weight[2]));
  CHECK(file.values<double>("loss") == std::vector<double>{0.1});
  CHECK(file.info("loss").shape.empty());
  CHECK(file.values<std::int64_t>("steps") == std::vector<std::int64_t>{-7});
  CHECK(file.values<std::uint8_t>("pixels") == std::vector<std::uint8_t>{1, 2, 3});
  CHECK(file.values<std::int32_t>("labels") == std::vector<std::int32_t>{9, 8});
  CHECK(file.values<float>("empty").empty());
  CHECK(file.metadata().at("note") == "a \"quoted\"\nline");
  CHECK(file.metadata().size() == 2);
}

TEST_CASE("the writer orders by descending type, then name, and aligns every tensor") {
  const temporary_directory box;
  const std::string bytes = small_file(box.path());
  const auto file = parse(bytes);
  CHECK(file.names() ==
        std::vector<std::string>{"steps", "loss", "empty", "weight", "labels", "pixels"});
  CHECK(bytes[8] == '{');
  CHECK(file.header().data_offset % 8 == 0);
  for (const auto& info : file.header().tensors)
    CHECK(info.begin % (io::bits_of(info.type) / 8) == 0);
}

TEST_CASE("the digest of a written file is that of its bytes") {
  const temporary_directory box;
  const std::vector<float> values(700'000, 1.25f);
  const auto written = io::save_safetensors(
      box.path() / "big.safetensors", {io::tensor_of("values", {700'000}, std::span(values))});
  CHECK(written == io::digest_of(text_of(box.path() / "big.safetensors")));
  CHECK(io::safetensors_file::open(box.path() / "big.safetensors").values<float>("values") ==
        values);
}

TEST_CASE("the header alone can be read") {
  const temporary_directory box;
  small_file(box.path());
  const auto header = io::read_safetensors_header(box.path() / "small.safetensors");
  CHECK(header.tensors.size() == 6);
  CHECK(io::describe(header.at("weight").type, header.at("weight").shape) == "F32 [2,3]");
  CHECK(header.find("absent") == nullptr);
}

TEST_CASE("valid files of others are read") {
  CHECK(parse(raw_file("{}", 0)).names().empty());
  CHECK(parse(raw_file(" \n{}  \t ", 0)).names().empty());
  CHECK(parse(raw_file("{" + tensor("odd", "U8", "3", "0,3") + "," +
                           tensor("x", "F32", "1", "3,7") + "}",
                       7))
            .bytes("x")
            .size() == 4);
  CHECK(parse(raw_file("{" + tensor("x", "F4", "2,3", "0,3") + "}", 3)).bytes("x").size() == 3);
  CHECK(parse(raw_file("{" + tensor("x", "F6_E2M3", "4", "0,3") + "}", 3)).names().size() == 1);
  CHECK(parse(raw_file("{" + tensor("b", "BF16", "0,9", "0,0") + "," +
                           tensor("a", "C64", "", "0,8") + "}",
                       8))
            .names()
            .front() == "b");
  CHECK(parse(raw_file("{\"__metadata__\":{}}", 0)).metadata().empty());
}

TEST_CASE("every dtype has the size that the format gives it") {
  const std::pair<const char*, unsigned> sizes[] = {
      {"BOOL", 8},        {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"U8", 8},
      {"I8", 8},          {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8},
      {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
      {"I32", 32},        {"U32", 32},    {"F32", 32},    {"C64", 64},    {"F64", 64},
      {"I64", 64},        {"U64", 64}};
  for (const auto& [name, bits] : sizes) {
    const auto file =
        parse(raw_file("{" + tensor("x", name, "8", "0," + std::to_string(bits)) + "}", bits));
    CHECK(io::name_of(file.info("x").type) == name);
  }
}

TEST_CASE("what the format forbids is refused, naming file and cause") {
  const auto one = [](const std::string& entry, std::size_t size) {
    return raw_file("{" + entry + "}", size);
  };
  const std::string f = tensor("a", "F32", "1", "0,4");
  std::string long_header = raw_file("{}", 0);
  long_header[4] = 1;  // 2^32
  const std::pair<std::string, const char*> cases[] = {
      {"", "0 bytes long"},
      {"1234567", "7 bytes long"},
      {long_header, "above the limit"},
      {raw_file("{}", 0).substr(0, 9), "but only 1 bytes follow"},
      {raw_file("", 0), "no JSON object"},
      {raw_file("[]", 0), "no JSON object"},
      {raw_file("{\"a\":1}", 0), "exactly dtype"},
      {raw_file("{\"__metadata__\":[]}", 0), "no object"},
      {raw_file("{\"__metadata__\":{\"k\":1}}", 0), "is no string"},
      {one(tensor("a", "F31", "1", "0,4"), 4), "unknown dtype"},
      {one(R"("a":{"dtype":7,"shape":[1],"data_offsets":[0,4]})", 4), "dtype"},
      {one(R"("a":{"dtype":"F32","shape":[1]})", 4), "exactly dtype"},
      {one(R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":0})", 4), "exactly dtype"},
      {one(R"("a":{"dtype":"F32","shape":1,"data_offsets":[0,4]})", 4), "shape"},
      {one(tensor("a", "F32", "-1", "0,4"), 4), "extent"},
      {one(tensor("a", "F32", "1.0", "0,4"), 4), "extent"},
      {one(tensor("a", "F32", "1,1,1,1,1,1,1,1,1", "0,4"), 4), "at most 8"},
      {one(tensor("a", "F32", "4294967296,4294967296", "0,0"), 0), "no possible size"},
      {one(tensor("a", "F32", "4294967296,4294967296,0", "0,0"), 0), "no possible size"},
      {one(tensor("a", "F32", "4611686018427387904", "0,0"), 0), "no possible size"},
      {one(tensor("a", "F4", "3", "0,2"), 2), "no possible size"},
      {one(tensor("a", "F32", "1", "0,4,4"), 4), "data_offsets"},
      {one(tensor("a", "F32", "1", "0,-4"), 4), "data_offsets"},
      {one(tensor("a", "F32", "1", "0,18446744073709551615"), 4), "data_offsets"},
      {one(tensor("a", "F32", "1", "4,0"), 4), "spans"},
      {one(tensor("a", "F32", "2", "0,4"), 4), "spans"},
      {one(f, 3), "3 bytes of data"},
      {one(f, 5), "5 bytes of data"},
      {one(tensor("a", "F32", "1", "4,8"), 8), "where byte 0 comes next"},
      {one(f + "," + tensor("b", "F32", "1", "8,12"), 12), "where byte 4 comes next"},
      {one(f + "," + tensor("b", "F32", "1", "2,6"), 6), "where byte 4 comes next"},
      {one(f + "," + tensor("b", "F32", "1", "0,4"), 4), "where byte 4 comes next"},
      {one(f + "," + f, 4), "comes twice"},
      {one(f + "," + tensor("\\u0061", "F32", "1", "4,8"), 8), "comes twice"},
      {one(R"("a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]})", 4), "twice"},
      {one(R"("__metadata__":{"k":"1","k":"2"})", 0), "comes twice"},
      {one(R"("a":)" + std::string(100'000, '['), 0), "nested too deeply"},
  };
  for (const auto& [file, cause] : cases) {
    const auto thrown = refusal_of_bytes(file);
    CAPTURE(cause, thrown.sentence);
    CHECK(thrown.kind == error_kind::checkpoint);
    CHECK(thrown.says("test.safetensors: "));
    CHECK(thrown.says(cause));
    CHECK(thrown.says("use another copy"));
  }
}

TEST_CASE("too many tensors are refused") {
  std::string header = "{";
  for (int i = 0; i <= 100'001; ++i) {
    header += (i == 0 ? "" : ",") + tensor(std::to_string(i), "U8", "0", "0,0");
  }
  CHECK(refusal_of_bytes(raw_file(header + "}", 0)).says("too many"));
}

TEST_CASE("a header is refused at its first wrong tensor, not built up to its last") {
  std::string header = "{\"first\":{}";
  for (int i = 0; i < 10; ++i) header += ",\"" + std::to_string(i) + "\":{}";
  CHECK(refusal_of_bytes(raw_file(header + " and no JSON", 0)).says("\"first\" does not have"));
  std::string entry = "{\"a\":{\"dtype\":[[]";
  for (int i = 0; i < 100'000; ++i) entry += ",[]";
  CHECK(refusal_of_bytes(raw_file(entry + "]}}", 0)).says("too many values"));
}

TEST_CASE("hostile names do not reach the terminal") {
  const auto thrown = refusal_of_bytes(
      raw_file("{" + tensor("\\u001b[31m" + std::string(500, 'n'), "F32", "1", "0,8") + "}", 8));
  CHECK(thrown.sentence.find('\x1b') == std::string::npos);
  CHECK(thrown.sentence.size() < 400);
}

TEST_CASE("every prefix and every extension of a file is refused") {
  const temporary_directory box;
  const std::string whole = small_file(box.path());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    REQUIRE(refusal_of_bytes(whole.substr(0, size)).kind == error_kind::checkpoint);
    const auto path = box.write("cut.safetensors", whole.substr(0, size));
    REQUIRE(thrown_by([&] { io::safetensors_file::open(path); }).kind == error_kind::checkpoint);
  }
  REQUIRE(refusal_of_bytes(whole + '\0').kind == error_kind::checkpoint);
}

TEST_CASE("ten thousand mutants are refused cleanly or read within bounds") {
  const temporary_directory box;
  const std::string good = small_file(box.path());
  const std::string tokens[] = {"{",
                                "}",
                                "[",
                                "]",
                                ",",
                                ":",
                                "\"",
                                "0",
                                "-1",
                                "1e9",
                                "null",
                                "18446744073709551615",
                                "9223372036854775807",
                                "4294967296",
                                "\"F32\"",
                                "\"dtype\"",
                                "\"shape\"",
                                "\"F4\"",
                                "\"__metadata__\"",
                                "\\u0000",
                                "\xFF"};
  triptych::random_stream random(7, triptych::stream::shuffle);
  int accepted = 0, refused = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string file = good;
    const std::uint32_t changes = 1 + random.below(4);
    for (std::uint32_t c = 0; c < changes; ++c) {
      const std::size_t at = random.below(static_cast<std::uint32_t>(file.size()));
      switch (random.below(6)) {
      case 0:
        file[at] = static_cast<char>(file[at] ^ (1 << random.below(8)));
        break;
      case 1:
        file[at] = static_cast<char>(random.next());
        break;
      case 2:
        file.erase(at, 1 + random.below(8));
        break;
      case 3:
        file.insert(at, tokens[random.below(std::size(tokens))]);
        break;
      case 4:
        file.insert(at, file.substr(random.below(static_cast<std::uint32_t>(file.size())), 16));
        break;
      default:
        file.replace(at, 1, tokens[random.below(std::size(tokens))]);
        break;
      }
      if (file.empty()) file = good;
    }
    if (random.below(2) == 0 && file.size() >= 8) {  // a length that fits reaches deeper code
      const std::uint64_t length =
          good.find('}', good.size() - 80) == good.npos ? file.size() - 8 : file.rfind('}') - 7;
      std::memcpy(file.data(), &length, 8);
    }
    try {
      const auto read = parse(file);
      std::size_t bytes = 0;
      for (const auto& name : read.names()) bytes += read.bytes(name).size();
      REQUIRE(bytes + read.header().data_offset == file.size());
      ++accepted;
    } catch (const triptych::error& e) {
      REQUIRE(e.kind() == error_kind::checkpoint);
      ++refused;
    }
  }
  CHECK(accepted > 0);
  CHECK(refused > 5'000);
}

TEST_CASE("reading a tensor of another type or size is refused") {
  const temporary_directory box;
  const auto file = parse(small_file(box.path()));
  std::vector<float> five(5);
  for (const auto& thrown : {thrown_by([&] { static_cast<void>(file.values<double>("weight")); }),
                             thrown_by([&] { file.copy_to("weight", std::span(five)); }),
                             thrown_by([&] { static_cast<void>(file.bytes("absent")); })}) {
    CHECK(thrown.kind == error_kind::checkpoint);
    CHECK(thrown.says("test.safetensors"));
  }
}

TEST_CASE("the writer refuses what the format cannot hold, and leaves no file") {
  const temporary_directory box;
  const std::vector<float> two{1, 2};
  const auto save = [&](std::vector<io::tensor_source> tensors) {
    return thrown_by([&] { io::save_safetensors(box.path() / "x", tensors); });
  };
  CHECK(save({io::tensor_of("a", {3}, std::span(two))}).any);
  CHECK(
      save({io::tensor_of("a", {2}, std::span(two)), io::tensor_of("a", {2}, std::span(two))}).any);
  CHECK(save({io::tensor_of("\xFF", {2}, std::span(two))}).any);
  CHECK(save({io::tensor_of("__metadata__", {2}, std::span(two))}).any);
  CHECK(save({io::tensor_of("a", {1, 1, 1, 1, 1, 1, 1, 1, 2}, std::span(two))}).any);
  CHECK(fs::is_empty(box.path()));
}

TEST_CASE("what a file of another architecture holds otherwise is told by name") {
  const temporary_directory box;
  const auto file = parse(small_file(box.path()));
  std::vector<io::tensor_info> expected = file.header().tensors;
  CHECK(io::difference(expected, file.header()).empty());

  expected.erase(expected.begin());  // steps
  expected.front().type = io::dtype::f32;
  expected.back().shape = {4};
  for (int i = 0; i < 6; ++i) {
    expected.push_back({"layer" + std::to_string(i), io::dtype::f32, {1}, 0, 0});
  }
  CHECK(
      io::difference(expected, file.header()) ==
      "6 missing (\"layer0\", \"layer1\", \"layer2\", \"layer3\", ...); 1 unexpected (\"steps\"); "
      "2 mismatched (\"loss\" is F64 [], not F32 [], \"pixels\" is U8 [3], not U8 [4])");
}
