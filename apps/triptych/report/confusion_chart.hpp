// apps/triptych/report/confusion_chart.hpp
//
// Which classes are taken for which, as a figure.
#pragma once

#include <string>
#include <vector>

#include <triptych/eval/confusion.hpp>

#include "triptych/report/reported_run.hpp"

namespace triptych::app {

/// A confusion matrix with the names of its classes, their numbers where there are none.
confusion_table table_of(const eval::confusion_matrix& counts,
                         const std::vector<std::string>& class_names, const std::string& source);

/// The matrix of at most 25 classes with the accuracy of each, and the pairs that are confused most
/// often; of more classes the pairs, and those with the lowest accuracy.
std::string confusion_figure(const confusion_table& table);

}  // namespace triptych::app
