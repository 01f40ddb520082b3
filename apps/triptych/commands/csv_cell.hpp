// apps/triptych/commands/csv_cell.hpp
//
// A field of a CSV file as RFC 4180 has it.
#pragma once

#include <string>

namespace triptych::app {

/// In double quotes where it holds a comma, a quote or a line break.
inline std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace triptych::app
