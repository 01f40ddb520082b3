// The command `embed`: features and labels of a data set, as safetensors.
#include <iostream>
#include <string>

#include <triptych/data/registry.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/io/json_text.hpp>
#include <triptych/io/safetensors.hpp>

#include "triptych/commands/commands.hpp"
#include "triptych/commands/encoder_file.hpp"
#include "triptych/console.hpp"

namespace triptych::app {

int embed(const embed_options& asked) {
  frozen_run subject(asked);
  const embed_options& options = subject.options;
  const data::image_set& set =
      options.split == choice::split::train ? subject.images.train : subject.images.test;
  progress bar(options.quiet);
  for (const auto& one : subject.notices) bar.note(one);
  if (set.labeled() < set.size()) {
    bar.note(std::to_string(set.size() - set.labeled()) + " images without a label are left out");
  }
  if (set.size() == 0) {
    throw no_test_images(set, "give --split train for the features of the training images");
  }
  bar.update("encoding " + std::to_string(set.labeled()) + " images");
  const auto features = eval::encode(subject.encoder, set, view_size(subject.source.options),
                                     subject.pool, options.batch);
  bar.clear();

  const auto rows = features.size;
  io::save_safetensors(options.out,
                       {io::tensor_of<float>("features", {rows, features.dim}, features.values),
                        io::tensor_of<std::int32_t>("labels", {rows}, features.labels)},
                       {{"checkpoint", subject.source.path.string()},
                        {"data", set.name},
                        {"split", options.split == choice::split::train ? "train" : "test"}});
  std::cout << "wrote " << features.size << " x " << features.dim << " features to "
            << io::printable(options.out) << "\n";
  return 0;
}

}  // namespace triptych::app
