// A run's configuration.
#include <string>

#include "fuzz/fuzz.hpp"
#include "triptych/options/options.hpp"

using namespace triptych;

FUZZ(input) {
  fuzz::takes({error_kind::usage}, [&] {
    const auto options = app::config_from_toml(fuzz::text_of(input), "config.toml");
    const std::string text = app::config_toml(options);
    const auto again = app::config_from_toml(text, "config.toml");
    fuzz::require(app::config_toml(again) == text, "what is written is read", text);
    fuzz::takes({error_kind::usage}, [&] { static_cast<void>(app::check(options)); });
  });
}
