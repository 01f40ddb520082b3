// JSON from files: all at once, and member by member.
#include <nlohmann/json.hpp>

#include <triptych/io/json.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

FUZZ(input) {
  const auto text = fuzz::text_of(input);
  const std::string advice = "write it again";
  nlohmann::json parsed;
  const bool whole = fuzz::takes({error_kind::checkpoint}, [&] {
    parsed = io::parse_json_object(text, "a file", advice);
    const io::json_fields fields(parsed, "a file", advice);
    for (const auto& member : parsed.items()) {
      const char* key = member.key().c_str();
      fuzz::takes({error_kind::checkpoint}, [&] { static_cast<void>(fields.text(key)); });
      fuzz::takes({error_kind::checkpoint}, [&] { static_cast<void>(fields.count(key)); });
      fuzz::takes({error_kind::checkpoint}, [&] {
        const double number = fields.number(key, -1, 1);
        fuzz::require(number >= -1 && number <= 1, "a number within its limits");
      });
    }
  });
  std::size_t members = 0;
  const bool visited = fuzz::takes({error_kind::checkpoint}, [&] {
    io::visit_json_object(
        text, "a file", advice, 0, [&](const std::string& key, const auto& value) {
          ++members;
          if (whole)
            fuzz::require(parsed.contains(key) && parsed[key] == value, "the same member", key);
        });
  });
  if (whole) fuzz::require(visited && members == parsed.size(), "the same members");
}
