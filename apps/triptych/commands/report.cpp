// The command `report`: one page of what runs have recorded, in one file that needs nothing else.
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <triptych/core/error.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/io/file.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/console.hpp"
#include "triptych/options/command_line.hpp"
#include "triptych/report/confusion_chart.hpp"
#include "triptych/report/html_page.hpp"
#include "triptych/report/html_text.hpp"
#include "triptych/report/pictures.hpp"
#include "triptych/report/reported_run.hpp"
#include "triptych/report/run_sections.hpp"

namespace triptych::app {

namespace fs = std::filesystem;

void expect_report_place(const report_options& options) {
  const fs::path out = options.out;
  const auto kind = io::type_of(out);
  if (kind == fs::file_type::directory) {
    throw error::usage("out: '" + options.out + "' from " + options.from.of("out") +
                       " is a directory; give a file such as " +
                       shell_word((out / "report.html").string()));
  }
  if (kind == fs::file_type::regular) {
    const auto there = io::open_input(out);
    std::string first(html::report_mark.size(), '\0');
    if (there.size >= first.size()) {
      io::read_at(there, 0, std::as_writable_bytes(std::span(first)));
    }
    if (first != html::report_mark) {
      throw error::usage("out: '" + options.out + "' from " + options.from.of("out") +
                         " is there and is no report of triptych; give another --out, or move the "
                         "file away");
    }
  }
  const io::held_directory above(out.parent_path());
  if (kind == fs::file_type::not_found && ::faccessat(above.get(), ".", W_OK, AT_EACCESS) != 0) {
    io::throw_io("write to", out, errno);
  }
}

written_report write_report(const report_options& options) {
  expect_report_place(options);
  std::vector<reported_run> runs;
  for (const auto& path : options.runs) runs.push_back(read_run(path));

  html::page page{.title = "triptych: " + joined(options.runs, [](const auto& r) { return r; }),
                  .head = heading_of(runs),
                  .sections = {}};
  const auto add = [&](html::section s) {
    if (!s.content.empty()) page.sections.push_back(std::move(s));
  };
  picture_sections pictures;
  if (runs.size() == 1 && options.pictures) {
    progress bar(options.quiet);
    pictures = pictures_of(runs.front(), options, bar);
    if (pictures.failure)
      bar.note(std::string("warning: pictures are missing: ") + pictures.failure->what());
  }
  if (runs.size() > 1) add(differences_section(runs));
  add(accuracy_section(runs));
  for (auto& s : curve_sections(runs)) add(std::move(s));
  if (runs.size() == 1) {
    const auto& confusion = runs.front().confusion ? runs.front().confusion : pictures.confusion;
    if (confusion) add({"confusion", "Classes", confusion_figure(*confusion)});
  }
  for (auto& s : pictures.sections) add(std::move(s));
  add(facts_section(runs));
  page.foot = html::paragraph("Made by " + version_text() + ".");

  const auto text = html::text_of(page);
  expect_report_place(options);  // again, for the pictures may have taken minutes
  io::replace_file(options.out, text);
  // A page without pictures for want of images is still a page; a damaged file, a lack of memory
  // and what the system refused are failures.
  written_report done{text.size(), pictures.failure};
  if (done.failure) {
    const auto kind = done.failure->kind();
    if (kind == error_kind::data || kind == error_kind::usage) done.failure.reset();
  }
  return done;
}

int make_report(const report_options& options) {
  const auto done = write_report(options);
  std::cout << "wrote " << printable(options.out) << ", "
            << size_text(static_cast<double>(done.bytes)) << "\n";
  if (done.failure) throw *done.failure;
  return 0;
}

}  // namespace triptych::app
