// The list of what is ours in a directory: nothing that it names may lie elsewhere.
#include <string>

#include <triptych/io/owned_names.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

FUZZ(input) {
  static const fuzz::directory outside;
  static const fuzz::fs::path place = outside.path() / "place";
  fuzz::fs::create_directory(place);
  outside.write("others", std::string());
  outside.write("place/theirs", std::string());
  outside.write("place/.triptych", input);
  fuzz::takes({error_kind::io, error_kind::usage}, [] {
    io::owned_names owned(place);
    owned.clear_leftovers();
    owned.remove_all({"next"});
    owned.read();
    fuzz::require(owned.has("next") && !owned.has("theirs"), "a list that was written is read");
  });
  fuzz::require(fuzz::fs::exists(outside.path() / "others"), "files elsewhere stay");
  fuzz::fs::remove_all(place);
}
