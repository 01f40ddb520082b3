#include <triptych/io/json.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <support/catch.hpp>
#include <support/thrown.hpp>

namespace io = triptych::io;
using namespace std::string_literals;

namespace {

thrown_error refusal_to_parse(const std::string& text, std::size_t offset = 0) {
  return thrown_by([&] { io::parse_json_object(text, "file.json", "do this", offset); });
}

}  // namespace

TEST_CASE("a JSON object is parsed, with white space around it") {
  const auto json = io::parse_json_object(" \n{\"a\": [1, {\"b\": [2]}]}\t ", "file", "");
  CHECK(json["a"][1]["b"][0] == 2);
}

TEST_CASE("what is not one strict JSON object is refused in a sentence with file and advice") {
  const std::string cases[] = {
      "",
      "  ",
      "[]",
      "1",
      "\xEF\xBB\xBF{}",
      "{}x",
      "{}{}",
      "{\"a\":1,}",
      "{\"a\":01}",
      "{\"a\":NaN}",
      "{'a':1}",
      "{\"a\":1 /* no */}",
      "{\"a\":1e999}",
      "{\"a\":\"\xFF\"}",
      "{\"a\":\"\\ud800\"}",
      "{\"a\":1,\"a\":1}",
      "{\"a\":{\"b\":1,\"\\u0062\":1}}",
      "{\"a\":[[[[]]]]}",
      "{}\0"s,
      "{\"a\":1}\0garbage"s,
  };
  for (const std::string& text : cases) {
    CAPTURE(text);
    const auto thrown = refusal_to_parse(text);
    CHECK(thrown.kind == triptych::error_kind::checkpoint);
    CHECK(thrown.says("file.json: "));
    CHECK(thrown.says("; do this"));
  }
}

TEST_CASE("the same key in different objects is no duplicate") {
  CHECK_FALSE(refusal_to_parse(R"({"a":{"x":1},"b":{"x":1},"x":[{"x":1},{"x":2}]})").any);
}

TEST_CASE("a refusal names the byte of the file") {
  CHECK(refusal_to_parse("{\"a\": !}", 100).says("at byte 107"));
}

TEST_CASE("hostile depth and floods of values are refused quickly") {
  CHECK(refusal_to_parse("{\"a\":" + std::string(5'000'000, '[')).says("nested too deeply"));
  std::string flood = "{\"a\":[0";
  for (int i = 0; i < 1'000; ++i) flood += ",0";
  CHECK(thrown_by([&] {
          io::parse_json_object(flood + "]}", "file.json", "do this", 0,
                                {.depth = 4, .values = 1'000});
        }).says("too many values"));
}

TEST_CASE("large objects take linear time") {
  std::string text = "{\"first\":{}";
  for (int i = 0; i < 200'000; ++i) text += ",\"" + std::to_string(i) + "\":{}";
  CHECK(io::parse_json_object(text + "}", "file.json", "", 0, {.values = 500'000}).size() ==
        200'001);
}

TEST_CASE("no more is held at once than the limit, unless members are visited") {
  std::string text = "{\"first\":{}";
  for (int i = 0; i < 100'000; ++i) text += ",\"" + std::to_string(i) + "\":{}";
  text += "}";
  CHECK(refusal_to_parse(text).says("too many values"));

  const auto visited = [](const std::string& json) {
    std::vector<std::string> seen;
    io::visit_json_object(json, "file.json", "do this", 0,
                          [&](const std::string& key, const nlohmann::json& value) {
                            seen.push_back(key + "=" + value.dump());
                          });
    return seen;
  };
  CHECK(visited(text).size() == 100'001);
  CHECK(visited(R"({"z":1,"a":[{"b":[]},2],"n":null})") ==
        std::vector<std::string>{"z=1", "a=[{\"b\":[]},2]", "n=null"});
  CHECK(thrown_by([&] { visited(R"({"a":{},"b":1,"a":2})"); }).says("comes twice"));
  std::string flood = "{\"a\":[0";
  for (int i = 0; i < 100'000; ++i) flood += ",0";
  CHECK(thrown_by([&] { visited(flood + "]}"); }).says("too many values"));
}

TEST_CASE("a count is a whole number that is not negative and fits") {
  const auto json = io::parse_json_object(
      R"({"yes":[0,1,9223372036854775807],"no":[-1,1.0,1.5,1e3,9223372036854775808,"1",true,null]})",
      "file", "");
  for (const auto& value : json["yes"]) CHECK(io::is_count(value));
  for (const auto& value : json["no"]) CHECK_FALSE(io::is_count(value));
}

TEST_CASE("a member of an object is taken as what it should be, or refused by its name") {
  const auto json = io::parse_json_object(
      R"({"t":"x","n":7,"r":1.5,"z":null,"b":true,"a":[1],"o":{},"m":-1,"big":1e300})", "file", "");
  const io::json_fields fields(json, "file.json, line 3", "do this");
  CHECK(fields.text("t") == "x");
  CHECK(fields.count("n") == 7);
  CHECK(fields.number("r", 0, 2) == 1.5);
  CHECK(fields.number("n", 0, 7) == 7);
  CHECK(fields.measured("r", 0, 2) == 1.5);
  CHECK_FALSE(fields.measured("z", 0, 2));
  CHECK_FALSE(fields.measured("none", 0, 2));
  CHECK(fields.array("a").size() == 1);

  const auto refused = [&](const thrown_error& thrown, const std::string& key) {
    INFO(key << ": " << thrown.sentence);
    CHECK(thrown.kind == triptych::error_kind::checkpoint);
    CHECK(thrown.sentence.starts_with("file.json, line 3: \"" + key + "\" is "));
    CHECK(thrown.sentence.ends_with(" is needed; do this"));
  };
  const std::vector<std::pair<std::string, std::string>> wrong{
      {"t", "nrzbaom"}, {"c", "trzbaom"}, {"n", "tzbaom"}, {"m", "tbaom"}, {"a", "tnrzbom"}};
  for (const auto& [kind, keys] : wrong) {
    for (const char letter : keys) {
      const std::string key(1, letter);
      refused(thrown_by([&, as = kind[0]] {
                switch (as) {
                case 't':
                  static_cast<void>(fields.text(key.c_str()));
                  break;
                case 'c':
                  static_cast<void>(fields.count(key.c_str()));
                  break;
                case 'n':
                  static_cast<void>(fields.number(key.c_str(), 0, 9));
                  break;
                case 'm':
                  static_cast<void>(fields.measured(key.c_str(), 0, 9));
                  break;
                default:
                  static_cast<void>(fields.array(key.c_str()));
                  break;
                }
              }),
              key);
    }
  }
  refused(thrown_by([&] { static_cast<void>(fields.number("big", 0, 100)); }), "big");
  refused(thrown_by([&] { static_cast<void>(fields.text("none")); }), "none");
  CHECK(thrown_by([&] {
          io::json_fields(json["a"], "file.json", "do this");
        }).says("an entry is an array where an object is needed"));
}

TEST_CASE("a text is a number as a whole or not at all") {
  CHECK(io::number_in<int>("12") == 12);
  CHECK(io::number_in<double>("-1.5e3") == -1500.0);
  for (const char* text : {"", "x", "12x", " 1", "1 ", "1.5", "99999999999", "+1"}) {
    CHECK_FALSE(io::number_in<int>(text));
  }
  for (const char* text : {"", "nan", "inf", "1e999", "1.5.", "--1"}) {
    CHECK_FALSE(io::number_in<double>(text));
  }
}
