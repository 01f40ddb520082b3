// The command `embed`: features and labels of a data set, as safetensors.
#include <iostream>
#include <string>

#include <triptych/data/registry.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/io/safetensors.hpp>

#include "commands.hpp"
#include "console.hpp"
#include "encoder_file.hpp"

namespace triptych::app {

int embed(const embed_options& asked) {
  const trained_run run = open_run(asked.run);
  embed_options options = asked;
  inherit_data(options, run.options);
  const data::split images =
      data::load(data_source(options.data, options.data_dir, options.limit_per_file, run.options));
  const data::image_set& set = options.split == choice::split::train ? images.train : images.test;
  backend::eigen<> backend(options.threads);
  thread_pool pool(options.threads);
  frozen_encoder encoder = make_encoder(backend, run.options);
  load_encoder(encoder, run.checkpoint);
  progress bar(options.quiet);
  bar.update("encoding " + std::to_string(set.size()) + " images");
  const auto features = eval::encode(encoder, set, view_size(run.options), pool, options.batch);
  bar.clear();

  const auto rows = features.size;
  io::save_safetensors(options.out,
                       {io::tensor_of<float>("features", {rows, features.dim}, features.values),
                        io::tensor_of<std::int32_t>("labels", {rows}, features.labels)},
                       {{"checkpoint", run.checkpoint.path.string()},
                        {"data", set.name},
                        {"split", options.split == choice::split::train ? "train" : "test"}});
  std::cout << "wrote " << features.size << " x " << features.dim << " features to " << options.out
            << "\n";
  return 0;
}

}  // namespace triptych::app
