// triptych/data/picture_tree.hpp
//
// Which pictures below a directory make a data set, under which labels, and what becomes of every
// other file there.
//
// A tree has parts: `train` (or `training`), and `test` (`testing`), `val` (`valid`, `validation`,
// `dev`) or `eval` (`evaluation`), and `unlabeled` (`unsup`), whose pictures are training images,
// too, the last ones; in any case of letters. A tree without parts is all training images. A
// directory of a part is a class; its pictures lie in it at any depth, as torchvision's ImageFolder
// takes them, also behind links. Without directories of classes a part takes its labels from a list
// beside its pictures or beside the part (annotations.hpp), or, where there are none anywhere, all of
// them are one class. Of several test parts the first in the order above that has labels is taken.
//
// Classes are numbered in sorted order; the pictures of a class come in sorted order of directory,
// then name. What cannot be told apart is refused (error::data), with what to do about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <triptych/config.hpp>
#include <triptych/data/annotations.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/read_file.hpp>

namespace triptych::data {

struct picture_tree {
  std::vector<std::string> classes;  ///< sorted; none where all pictures are one class
  std::vector<labeled_file> train, test;
  account skipped;
  fs::path root;
};

/// The tree below `root`; at most `limit_per_class` pictures of each class in either part (0: all).
picture_tree find_pictures(const fs::path& root, std::int64_t limit_per_class = 0);

/// The pictures directly in `directory`, in sorted order; what else lies there is added to
/// `skipped`.
std::vector<fs::path> pictures_in(const fs::path& directory, account& skipped);

/// Moves the files without a label (below 0), and those beyond the first `limit` of their class (0:
/// none), from `files` to `skipped`.
void keep_labeled(std::vector<labeled_file>& files, std::size_t classes, std::int64_t limit,
                  account& skipped);

}  // namespace triptych::data

#ifndef TRIPTYCH_COMPILED
#include <triptych/data/picture_tree_inl.hpp>
#endif
