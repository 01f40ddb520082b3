// The elements of a report.
#include "triptych/report/html_text.hpp"

#include <algorithm>
#include <cstddef>

#include <triptych/core/printable.hpp>

namespace triptych::app::html {

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : printable(text)) {
    switch (c) {
    case '&':
      safe += "&amp;";
      break;
    case '<':
      safe += "&lt;";
      break;
    case '>':
      safe += "&gt;";
      break;
    case '"':
      safe += "&quot;";
      break;
    case '\'':
      safe += "&#39;";
      break;
    default:
      safe += c;
    }
  }
  return safe;
}

std::string escaped_lines(std::string_view text) {
  std::string safe;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    safe += escaped(line) + "\n";
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return safe;
}

std::string paragraph(std::string_view text, std::string_view style) {
  const std::string of_style = style.empty() ? "" : " class=\"" + std::string(style) + "\"";
  return "<p" + of_style + ">" + escaped(text) + "</p>\n";
}

cell text_cell(std::string_view text) { return {escaped(text), false}; }
cell number_cell(std::string_view text) { return {escaped(text), true}; }

std::string table(const std::vector<std::string>& header,
                  const std::vector<std::vector<cell>>& rows) {
  std::string html = "<div class=\"scroll\"><table>\n<tr>";
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool number = !rows.empty() && i < rows.front().size() && rows.front()[i].number;
    html += (number ? "<th class=\"number\">" : "<th>") + escaped(header[i]) + "</th>";
  }
  html += "</tr>\n";
  for (const auto& row : rows) {
    html += "<tr>";
    for (const auto& one : row) {
      html += (one.number ? "<td class=\"number\">" : "<td>") + one.html + "</td>";
    }
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string folded(std::string_view title, const std::string& content) {
  return "<details><summary>" + escaped(title) + "</summary>\n" + content + "</details>\n";
}

}  // namespace triptych::app::html
