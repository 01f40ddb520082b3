// A page from its parts.
#include "triptych/report/html_page.hpp"

#include "triptych/report/html_text.hpp"
#include "triptych/report/page_script.hpp"
#include "triptych/report/page_style.hpp"

namespace triptych::app::html {

std::string text_of(const page& p) {
  std::string links, parts;
  for (const auto& s : p.sections) {
    links += "<a href=\"#" + s.id + "\">" + escaped(s.title) + "</a>\n";
    parts += "<section id=\"" + s.id + "\"><h2>" + escaped(s.title) + "</h2>\n" + s.content +
             "</section>\n";
  }
  return std::string(report_mark) +
         "<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
         "<link rel=\"icon\" href=\"data:,\">\n<title>" +
         escaped(p.title) + "</title>\n<style>" + palette + chart_style + page_style +
         "</style></head>\n<body><main>\n" + p.head + "<nav>" + links + "</nav>\n" + parts +
         "<footer>" + p.foot + "</footer></main>\n<script>" + page_script +
         "</script></body></html>\n";
}

}  // namespace triptych::app::html
