// triptych/data/image_folder_inl.hpp
//
// The bodies of image_folder.hpp.
#pragma once

#include <triptych/config.hpp>
#include <triptych/data/image_folder.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/picture_tree.hpp>
#include <triptych/data/pictures.hpp>

namespace triptych::data {

TRIPTYCH_INLINE split read_image_folder(const fs::path& root, const source& how,
                                        thread_pool* pool) {
  channel_statistics statistics;
  split s = read_pictures(find_pictures(root, how.limit_per_file), how, pool, &statistics);
  s.train.name = s.test.name = "folder";
  statistics.give(s);
  return s;
}

}  // namespace triptych::data
