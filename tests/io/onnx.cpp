#include <triptych/io/onnx.hpp>

#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/protobuf_reader.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

const std::vector<float> product_weights{1, 2, 3, 4, 5, 6};

io::onnx_model product() {
  return {.name = "product",
          .description = "x W",
          .producer_version = "1.2",
          .nodes = {{"y",
                     "MatMul",
                     {"x", "W"},
                     {{"axis", std::int64_t{-1}},
                      {"scale", 0.5f},
                      {"pads", std::vector<std::int64_t>{1, 2}}}}},
          .tensors = {{"W", {2, 3}, product_weights}},
          .inputs = {{"x", {"N", std::int64_t{2}}}},
          .outputs = {{"y", {"N", std::int64_t{3}}}},
          .metadata = {{"license", "none"}, {"name", "of \xFF"}}};
}

std::vector<std::string> texts(std::string_view message, std::uint32_t number) {
  std::vector<std::string> all;
  for (const auto& f : fields_of(message, number)) all.emplace_back(f.text);
  return all;
}

}  // namespace

TEST_CASE("An ONNX file holds graph, weights and metadata under the fields of onnx.proto") {
  const std::string file = io::onnx_file(product());
  CHECK(field_of(file, 1).integer() == 8);  // ir_version
  CHECK(field_of(file, 2).text == "triptych");
  CHECK(field_of(file, 3).text == "1.2");
  CHECK(field_of(file, 6).text == "x W");
  CHECK(field_of(field_of(file, 8).text, 2).integer() == 17);  // opset_import
  const auto entries = fields_of(file, 14);
  REQUIRE(entries.size() == 2);
  CHECK(field_of(entries[0].text, 1).text == "license");
  CHECK(field_of(entries[0].text, 2).text == "none");
  CHECK(field_of(entries[1].text, 2).text == "of \\xff");  // a string is UTF-8

  const auto graph = field_of(file, 7).text;
  CHECK(field_of(graph, 2).text == "product");
  const auto node = field_of(graph, 1).text;
  CHECK(texts(node, 1) == std::vector<std::string>{"x", "W"});
  CHECK(texts(node, 2) == std::vector<std::string>{"y"});
  CHECK(field_of(node, 4).text == "MatMul");
  const auto attributes = fields_of(node, 5);
  REQUIRE(attributes.size() == 3);
  CHECK(field_of(attributes[0].text, 3).integer() == -1);
  CHECK(field_of(attributes[0].text, 20).integer() == 2);  // INT
  CHECK(field_of(attributes[1].text, 2).float32() == 0.5f);
  CHECK(field_of(attributes[1].text, 20).integer() == 1);  // FLOAT
  CHECK(fields_of(attributes[2].text, 8).size() == 2);
  CHECK(field_of(attributes[2].text, 20).integer() == 7);  // INTS

  const auto tensor = field_of(graph, 5).text;
  CHECK(fields_of(tensor, 1).size() == 2);
  CHECK(field_of(tensor, 2).integer() == 1);  // FLOAT
  CHECK(field_of(tensor, 8).text == "W");
  CHECK(field_of(tensor, 9).text ==
        std::string_view(reinterpret_cast<const char*>(product_weights.data()),
                         4 * product_weights.size()));

  const auto type = field_of(field_of(field_of(graph, 11).text, 2).text, 1).text;
  CHECK(field_of(type, 1).integer() == 1);  // FLOAT
  const auto dimensions = fields_of(field_of(type, 2).text, 1);
  REQUIRE(dimensions.size() == 2);
  CHECK(field_of(dimensions[0].text, 2).text == "N");
  CHECK(field_of(dimensions[1].text, 1).integer() == 2);
  CHECK(field_of(field_of(graph, 12).text, 1).text == "y");
}

TEST_CASE("A network that an ONNX file cannot hold is refused") {
  auto model = product();
  const std::vector<float> million(1 << 20);  // the same memory under many names
  for (int i = 0; i < 512; ++i) {
    model.tensors.push_back({"W" + std::to_string(i), {1 << 20}, million});
  }
  const auto refused = thrown_by([&] { io::onnx_file(model); });
  CHECK(refused.kind == error_kind::usage);
  CHECK(refused.says("2048 MiB of weights; keep it as safetensors"));
}
