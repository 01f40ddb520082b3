// apps/triptych/report/pictures.hpp
//
// The pictures of a run: what its newest checkpoint makes of the images.
#pragma once

#include <optional>
#include <vector>

#include <triptych/core/error.hpp>

#include "triptych/console.hpp"
#include "triptych/options/options.hpp"
#include "triptych/report/html_page.hpp"
#include "triptych/report/reported_run.hpp"

namespace triptych::app {

struct picture_sections {
  std::vector<html::section> sections;
  std::optional<confusion_table> confusion;  ///< by kNN, where no evaluation has left one
  std::optional<error> failure;              ///< why there are no pictures; also said on the page
};

/// Reads checkpoint and images, and encodes what is not kept in the run. What keeps it from that is
/// a `failure` and a section that says so, but for error::io and a lack of memory, which are thrown.
picture_sections pictures_of(const reported_run& run, const report_options& asked, progress& bar);

}  // namespace triptych::app
