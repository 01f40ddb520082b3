// apps/triptych/options/declared.hpp
//
// The options of each command, as train_settings.cpp and its like declare them: once each.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "triptych/options/options.hpp"
#include "triptych/options/settings.hpp"

namespace triptych::app {

inline constexpr int most_pixels = 4096;  ///< on a side of a view

const settings<train_options>& train_settings();
const settings<eval_options>& eval_settings();
const settings<embed_options>& embed_settings();
const settings<export_options>& export_settings();
const settings<inspect_options>& inspect_settings();
const settings<runs_options>& runs_settings();
const settings<compare_options>& compare_settings();
const settings<merge_options>& merge_settings();
const settings<report_options>& report_settings();
const settings<data_options>& data_settings();
const settings<doctor_options>& doctor_settings();
const settings<reproduce_options>& reproduce_settings();
/// The options of training that the cells of a table can have in common.
const settings<train_options>& shared_settings();

/// The values of `layers`, the later over the earlier, over the recipe and the variant that they
/// choose.
train_options merged(const std::vector<std::vector<given_value>>& layers);

/// The values that are those of `reproduce` itself, taken out of `values`.
std::vector<given_value> take_table_values(std::vector<given_value>& values);

/// Options that were given and mean nothing, and to whom: "the method simsiam".
std::vector<std::pair<std::string, std::string>> without_effect(const train_options& o);

}  // namespace triptych::app
