#include "triptych/commands/resumable.hpp"

#include <filesystem>
#include <optional>

#include <triptych/core/error.hpp>
#include <triptych/io/file.hpp>
#include <triptych/io/owned_names.hpp>

#include "triptych/commands/images.hpp"
#include "triptych/commands/model_card.hpp"
#include "triptych/commands/saved_run.hpp"

namespace triptych::app {

void refuse_other_configuration(const io::loaded_checkpoint& saved, const train_options& asked) {
  const auto list = differences(config_of(saved), asked, saved.note.step);
  if (!list.empty()) {
    throw error::checkpoint("the checkpoint " + saved.path.string() +
                            " was trained otherwise: its " + in_words(list) +
                            "; resume one of this run, or start anew in another --out");
  }
}

void refuse_step_beyond(const io::loaded_checkpoint& saved, std::int64_t steps) {
  if (saved.note.step > steps) {
    throw error::checkpoint("the checkpoint " + saved.path.string() + " is of step " +
                            std::to_string(saved.note.step) + " in a run of " +
                            std::to_string(steps) +
                            "; resume another one of this run, or start anew in another --out");
  }
}

void go_on_with_images(const io::loaded_checkpoint& saved, const train_options& asked,
                       train::identified_images& images, std::vector<std::string>& notices) {
  const auto before = identity_of(saved);
  const auto changes =
      before ? train::differences(*before, images.identity) : std::vector<std::string>{};
  normalize_as(before ? std::optional(before->constants) : std::nullopt, {}, images, notices);
  if (changes.empty()) return;
  if (!asked.accept_changed_data) {
    throw other_images("the run in " + saved.path.parent_path().parent_path().string(), changes,
                       "give those, or go on with these by --accept-changed-data");
  }
  notices.push_back("the images from here on: " + in_words(changes));
}

void own_files(const io::run_directory& run) {
  const auto files = io::run_directory::files();
  if (run.listed()) return run.claim(files);
  const auto path = run.root() / "config.toml";
  const auto text = io::read_file(path);
  const auto stored = config_from_toml(text.text(), path.string());
  const std::string card = io::run_directory::export_files().back();
  if (io::type_of(run.exports() / card) == std::filesystem::file_type::regular) {
    try {
      if (io::read_file(run.exports() / card).text().starts_with(card_heading)) {
        io::owned_names(run.exports()).adopt({card});
      }
    } catch (const error&) {  // something else
    }
  }
  run.adopt(files, [&](const io::checkpoint_note& note) {
    return differences(config_from_toml(note.config, "MANIFEST.json"), stored, note.step).empty();
  });
}

}  // namespace triptych::app
