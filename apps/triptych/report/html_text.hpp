// apps/triptych/report/html_text.hpp
//
// Text that may come from anywhere, made fit for HTML and SVG, and the few elements that a report
// is made of. Whatever is not markup of our own passes escaped().
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace triptych::app::html {

/// `text` for the inside of an element or of an attribute in double quotes: no character of it is
/// markup, a control character is its escape (\u001b), a byte that is not UTF-8 \xff.
std::string escaped(std::string_view text);

/// The same of several lines, which stay lines.
std::string escaped_lines(std::string_view text);

/// <p class="...">...</p>, of escaped text.
std::string paragraph(std::string_view text, std::string_view style = {});

/// A cell of a table: HTML, and whether it is a number, which is aligned right.
struct cell {
  std::string html;
  bool number = false;
};

/// Cells of text.
cell text_cell(std::string_view text);
cell number_cell(std::string_view text);

/// A table that scrolls by itself where it is wider than the page.
std::string table(const std::vector<std::string>& header,
                  const std::vector<std::vector<cell>>& rows);

/// A part that is folded until someone opens it.
std::string folded(std::string_view title, const std::string& content);

}  // namespace triptych::app::html
