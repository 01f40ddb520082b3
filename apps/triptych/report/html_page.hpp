// apps/triptych/report/html_page.hpp
//
// A whole page in one file: no network, no script from elsewhere, light and dark as the reader has
// it, and one column on a narrow screen.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace triptych::app::html {

struct section {
  std::string id;     ///< for links to it
  std::string title;  ///< text
  std::string content;
};

struct page {
  std::string title;  ///< text
  std::string head;   ///< HTML above the first section
  std::vector<section> sections;
  std::string foot{};  ///< HTML below the last section
};

/// The bytes that every report begins with: by them a report of ours is known.
inline constexpr std::string_view report_mark = "<!doctype html>\n<!-- triptych report 1 -->\n";

std::string text_of(const page& p);

}  // namespace triptych::app::html
