// apps/triptych/report/pictures.hpp
//
// The pictures of a run: what its newest checkpoint makes of the images.
#pragma once

#include <functional>
#include <optional>
#include <string>
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
  std::optional<error> failure;              ///< why some are missing; also said on the page
};

/// Adds the section that `make` makes; what it throws is its content instead, and the `failure` of
/// all, unless there is one. An empty content is no section. Returns whether it was made.
bool add_picture(picture_sections& all, const std::string& id, const std::string& title,
                 const std::function<std::string()>& make);

/// Reads checkpoint and images, and encodes what is not kept in the run. What keeps it from that, or
/// from one of the pictures, is a `failure` and a section that says so. Throws nothing.
picture_sections pictures_of(const reported_run& run, const report_options& asked, progress& bar);

}  // namespace triptych::app
