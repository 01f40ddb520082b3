// A list of labels beside pictures: TinyImageNet's, and those of folders.
#include <string>

#include <triptych/data/picture_tree.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

FUZZ(input) {
  static const fuzz::directory set([](const fuzz::directory& made) {
    for (const std::string part : {"train/", "test/"}) {
      for (const char* name : {"a.png", "b.png", "c.png"}) made.write(part + name, std::string());
    }
  });
  const auto [train, test] = fuzz::halves(input);
  set.write("train/labels.csv", train);
  set.write("test/labels.csv", test);
  fuzz::takes({error_kind::data},
              [] { static_cast<void>(data::read_annotations(set.path() / "train/labels.csv")); });
  fuzz::takes({error_kind::data}, [] {
    const auto tree = data::find_pictures(set.path());
    for (const auto* part : {&tree.train, &tree.test}) {
      for (const auto& file : *part) {
        fuzz::require(file.label >= -1 && file.label < static_cast<int>(std::max<std::size_t>(
                                                           tree.classes.size(), 1)),
                      "labels of the set");
      }
    }
  });
}
