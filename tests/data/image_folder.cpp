#include <triptych/data/image_folder.hpp>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <triptych/core/thread_pool.hpp>
#include <triptych/data/fill.hpp>
#include <triptych/data/registry.hpp>

#include "data/image_fixture.hpp"
#include "support/catch.hpp"
#include "support/temporary_directory.hpp"
#include "support/thrown.hpp"

using namespace triptych;
using namespace triptych::data;

namespace {

byte_vector gray(int height, int width, std::uint8_t level) {
  return ppm_file(height, width, byte_vector(static_cast<std::size_t>(height * width * 3), level));
}

std::vector<std::string> names_of(const account& skipped, const std::string& why) {
  std::vector<std::string> names;
  if (const auto found = skipped.find(why); found != skipped.end()) {
    for (const auto& path : found->second) names.push_back(path.filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// `count` pictures in each of the directories.
void write_classes(const temporary_directory& dir, const std::vector<std::string>& directories,
                   int count = 2) {
  for (const auto& d : directories) {
    for (int i = 0; i < count; ++i) {
      dir.write(d + "/" + std::to_string(i) + ".ppm", gray(2, 2, static_cast<std::uint8_t>(i)));
    }
  }
}

}  // namespace

TEST_CASE("a tree of train and val becomes two sets in sorted order") {
  const temporary_directory dir;
  dir.write("train/dog/b.ppm", gray(4, 4, 30));
  dir.write("train/dog/a.PPM", gray(4, 4, 20));
  dir.write("train/cat/z.ppm", gray(4, 4, 10));
  dir.write("train/cat/notes.txt", std::string("no image"));
  dir.write("train/.hidden/x.ppm", gray(4, 4, 99));
  dir.write("val/dog/q.ppm", gray(4, 4, 40));
  const split s = read_image_folder(dir.path());
  CHECK(s.train.classes == 2);
  CHECK(s.train.labels == std::vector<std::int32_t>{0, 1, 1});
  CHECK(s.train.files ==
        std::vector<std::string>{"train/cat/z.ppm", "train/dog/a.PPM", "train/dog/b.ppm"});
  CHECK(s.test.files == std::vector<std::string>{"val/dog/q.ppm"});
  CHECK(s.train.image(0).pixels[0] == 10);
  CHECK(s.train.image(1).pixels[0] == 20);
  CHECK(s.train.image(2).pixels[0] == 30);
  CHECK(s.test.labels == std::vector<std::int32_t>{1});
  CHECK(s.test.height == 4);
  CHECK(s.train.mean[1] == Approx(20.0 / 255));
  CHECK(s.train.deviation[1] == Approx(std::sqrt(200.0 / 3) / 255));
  CHECK(s.test.mean == s.train.mean);
  CHECK(s.train.class_names == std::vector<std::string>{"cat", "dog"});
  CHECK(names_of(s.skipped, "hidden") == std::vector<std::string>{".hidden"});
  CHECK(names_of(s.skipped, "not a picture") == std::vector<std::string>{"notes.txt"});
}

TEST_CASE("an interrupted listing goes on, and one that fails is refused by name") {
  const temporary_directory dir;
  for (const char* name : {"a.ppm", "b.ppm"}) dir.write(name, gray(4, 4, 10));
  ::setenv("TRIPTYCH_FAILPOINT", "list:EINTR", 1);
  CHECK(entries(dir.path()).size() == 2);
  ::setenv("TRIPTYCH_FAILPOINT", "list:EIO", 1);
  CHECK(thrown_by([&] {
          static_cast<void>(entries(dir.path()));
        }).says("cannot list " + dir.path().string()));
  ::setenv("TRIPTYCH_FAILPOINT", "list:ENOMEM", 1);
  CHECK_THROWS_AS(entries(dir.path()), std::bad_alloc);
  ::unsetenv("TRIPTYCH_FAILPOINT");
}

TEST_CASE("a root of classes is a training set alone, and a root of images one class") {
  const temporary_directory dir;
  dir.write("classes/a/1.ppm", gray(2, 2, 1));
  dir.write("classes/b/1.ppm", gray(2, 2, 2));
  const split two = read_image_folder(dir.path() / "classes");
  CHECK(two.train.size() == 2);
  CHECK(two.train.classes == 2);
  CHECK(two.test.size() == 0);
  dir.write("flat/1.ppm", gray(2, 2, 1));
  const split one = read_image_folder(dir.path() / "flat");
  CHECK(one.train.classes == 1);
  CHECK(one.train.labels == std::vector<std::int32_t>{0});
}

TEST_CASE("the limit holds for each class directory") {
  const temporary_directory dir;
  for (const std::string c : {"a", "b"}) {
    for (int i = 0; i < 5; ++i) {
      dir.write(c + "/" + std::to_string(i) + ".ppm", gray(2, 2, static_cast<std::uint8_t>(i)));
    }
  }
  CHECK(read_image_folder(dir.path(), {.limit_per_file = 3}).train.labels ==
        std::vector<std::int32_t>{0, 0, 0, 1, 1, 1});
}

TEST_CASE("images keep their sizes, and each counts the same in the normalization") {
  const temporary_directory dir;
  dir.write("a/1.ppm", gray(8, 8, 100));
  dir.write("a/2.ppm", ppm_file(8, 24, picture(8, 24)));
  dir.write("a/3.ppm", gray(1, 1, 10));
  const split s = read_image_folder(dir.path());
  CHECK_FALSE(s.train.uniform());
  const auto wide = s.train.image(1);
  CHECK(wide.height == 8);
  CHECK(wide.width == 24);
  CHECK(byte_vector(wide.pixels.begin(), wide.pixels.end()) == picture(8, 24));
  double mean = 0;
  for (std::size_t i = 0; i < 8 * 24; ++i) mean += picture(8, 24)[3 * i] / (8.0 * 24);
  CHECK(s.train.mean[0] == Approx((100 + mean + 10) / 3 / 255));

  image_set again = s.train;
  measure_normalization(again);
  CHECK(again.mean == s.train.mean);
  CHECK(again.deviation == s.train.deviation);
}

TEST_CASE("a set beyond its memory is read as needed, with the same images and the same numbers") {
  const temporary_directory dir;
  for (int i = 0; i < 9; ++i) {
    dir.write("train/" + std::string(i % 2 == 0 ? "a/" : "b/") + std::to_string(i) + ".ppm",
              ppm_file(4 + i, 9, picture(4 + i, 9)));
  }
  write_classes(dir, {"test/a"});
  std::vector<std::size_t> shown[2], shown_again[2];
  const auto into = [](std::vector<std::size_t>* list) {
    return
        [list](bool test, augment::image_view image) { list[test].push_back(image.pixels.size()); };
  };
  const split kept = load({.name = "folder", .dir = dir.path(), .seen = into(shown)});
  thread_pool pool(3);
  const split streamed =
      load({.name = "folder", .dir = dir.path(), .memory = 500, .seen = into(shown_again)}, &pool);
  CHECK(streamed.train.read);
  CHECK(streamed.train.pixels.empty());
  CHECK(streamed.train.mean == kept.train.mean);
  CHECK(streamed.train.deviation == kept.train.deviation);
  CHECK(streamed.train.labels == kept.train.labels);
  CHECK(shown[0].size() == 9);
  CHECK(shown[1].size() == 2);
  for (const std::size_t part : {0u, 1u}) CHECK(shown[part] == shown_again[part]);

  const std::vector<std::int64_t> samples{8, 0, 3, 3};
  const std::vector<augment::recipe> recipes{augment::recipes::mncl, augment::recipes::linear};
  std::vector<float> from_memory(2 * 4 * 6 * 6 * 3), from_files(from_memory.size());
  fill(kept.train, samples, recipes, {1, 0, 0, 0}, 6, from_memory.data());
  fill(streamed.train, samples, recipes, {1, 0, 0, 0}, 6, from_files.data(), &pool);
  CHECK(from_files == from_memory);

  std::filesystem::remove(dir.path() / "train/a/0.ppm");
  CHECK(thrown_by([&] {
          fill(streamed.train, samples, recipes, {1, 0, 0, 0}, 6, from_files.data());
        }).says("0.ppm"));
}

TEST_CASE(
    "pictures lie at any depth of a class, also behind links, and the order is by directory") {
  const temporary_directory dir;
  const auto link = [&](const char* to, const char* from) {
    std::filesystem::create_directory_symlink(dir.path() / to, dir.path() / from);
  };
  write_classes(dir, {"train/b/img", "train/b/img-2", "train/b/img/deep", "train/a", ".store"}, 1);
  dir.write("train/b/9.ppm", gray(2, 2, 9));
  link(".store", "train/c");
  link("train", "train/a/loop");  // a class would hold all others
  link("train/b/img", "train/b/zz");
  // Links that multiply the ways to a directory without pictures.
  std::filesystem::create_directories(dir.path() / "notes");
  for (const char* name : {"notes/1", "notes/2", "notes/3"}) link("notes", name);
  const picture_tree tree = find_pictures(dir.path());
  CHECK(tree.classes == std::vector<std::string>{"a", "b", "c"});
  std::vector<std::string> paths;
  for (const auto& file : tree.train) {
    if (file.label == 1) paths.push_back(file.path.lexically_relative(dir.path()).string());
  }
  CHECK(paths == std::vector<std::string>{"train/b/9.ppm",
                                          "train/b/img/0.ppm",  // as sorted() has it
                                          "train/b/img-2/0.ppm", "train/b/img/deep/0.ppm"});
  CHECK(tree.train.back().label == 2);
  CHECK(names_of(tree.skipped, "a directory that was seen before") ==
        std::vector<std::string>{"loop", "zz"});
}

TEST_CASE("parts are known by their usual names in any case, and what is none is refused") {
  for (const std::string train : {"train", "Train", "TRAINING"}) {
    for (const std::string test :
         {"test", "Testing", "val", "VALID", "validation", "dev", "eval"}) {
      CAPTURE(train, test);
      const temporary_directory dir;
      write_classes(dir, {train + "/a", train + "/b", test + "/b"});
      const picture_tree tree = find_pictures(dir.path());
      CHECK(tree.train.size() == 4);
      REQUIRE(tree.test.size() == 2);
      CHECK(tree.test[0].label == 1);
    }
  }
  const auto refusal = [](const std::vector<std::string>& directories) {
    const temporary_directory dir;
    write_classes(dir, directories);
    return thrown_by([&] { find_pictures(dir.path()); });
  };
  CHECK(refusal({"bus", "car", "train"}).says("train beside bus, car"));
  CHECK(refusal({"bus", "car", "test"}).says("test beside bus, car"));
  CHECK(refusal({"train/a", "Test/a", "test/a"}).says("names of the same part"));
  CHECK(refusal({"test/a", "val/a"}).says("no training images"));
  CHECK(refusal({"train", "bus/red"}).says("train beside bus"));
  const temporary_directory beside;  // what lies beside classes in their part is neither
  write_classes(beside, {"train/a", "train/b", "masks/a"});
  const picture_tree known = find_pictures(beside.path());
  CHECK(known.train.size() == 4);
  CHECK(names_of(known.skipped, "beside the parts") == std::vector<std::string>{"masks"});
  // The advice, followed.
  const temporary_directory dir;
  write_classes(dir, {"train/bus", "train/car", "train/train"});
  CHECK(find_pictures(dir.path()).classes == std::vector<std::string>{"bus", "car", "train"});
}

TEST_CASE("pictures without a label are training images, the last ones") {
  const temporary_directory dir;
  write_classes(dir, {"train/a", "train/b", "Unlabeled/x/y", "test/b"}, 3);
  const split s = read_image_folder(dir.path(), {.limit_per_file = 2});
  CHECK(s.train.labels == std::vector<std::int32_t>{0, 0, 1, 1, -1, -1});
  CHECK(s.train.labeled() == 4);
  CHECK(s.test.labeled() == 2);
  CHECK(s.train.class_names.size() == 2);
}

TEST_CASE("every file that is not taken is in the account") {
  const temporary_directory dir;
  write_classes(dir, {"train/a", "train/b", "val/a", "test/images", "docs"});
  std::filesystem::remove_all(dir.path() / "docs");
  dir.write("train/loose.ppm", gray(2, 2, 1));
  dir.write("readme.md", std::string("text"));
  dir.write("docs/readme.md", std::string("text"));
  dir.write("train/a/.DS_Store", std::string("x"));
  const picture_tree tree = find_pictures(dir.path());
  CHECK(tree.train.size() == 4);
  REQUIRE(tree.test.size() == 2);
  CHECK(tree.test[0].path.parent_path().parent_path().filename() == "val");
  CHECK(names_of(tree.skipped, "without a label") ==
        std::vector<std::string>{"0.ppm", "1.ppm", "loose.ppm"});
  CHECK(names_of(tree.skipped, "hidden") == std::vector<std::string>{".DS_Store"});
  CHECK(names_of(tree.skipped, "not a picture") == std::vector<std::string>{"readme.md"});
  CHECK(names_of(tree.skipped, "a directory without pictures") == std::vector<std::string>{"docs"});
}

TEST_CASE("a flat part takes its labels from a list, in the part or beside it") {
  const std::string words = "filename,label,more\n0.ppm,b,x\n\"1.ppm\",\"a\",y\n";
  for (const std::string list :
       {"val/val_annotations.txt", "val/labels.csv", "val.csv", "val/metadata.csv"}) {
    CAPTURE(list);
    const temporary_directory dir;
    write_classes(dir, {"train/a", "train/b", "val"});
    const bool csv = list.ends_with("csv");
    dir.write(list, csv ? words : std::string("0.ppm\tb\t1\t2\n1.ppm\ta\t3\t4\n"));
    const picture_tree tree = find_pictures(dir.path());
    REQUIRE(tree.test.size() == 2);
    CHECK(tree.test[0].label == 1);
    CHECK(tree.test[1].label == 0);
    CHECK(tree.skipped.empty());
  }
  const temporary_directory flat;  // names without endings, as some competitions have them
  write_classes(flat, {"train", "test"}, 3);
  flat.write("labels.csv", std::string("id,breed\n0,pug\n2,boxer\n"));
  const picture_tree tree = find_pictures(flat.path());
  CHECK(tree.classes == std::vector<std::string>{"boxer", "pug"});
  REQUIRE(tree.train.size() == 2);
  CHECK(tree.train[0].label == 1);
  CHECK(tree.test.empty());
  CHECK(tree.skipped.at("without a label").size() == 4);

  const auto refusal = [](const std::string& text) {
    const temporary_directory dir;
    write_classes(dir, {"train/a", "train/b", "val"});
    dir.write("val/labels.csv", text);
    return thrown_by([&] { find_pictures(dir.path()); });
  };
  CHECK(refusal("0.ppm,c\n").says("line 1: 'c' is a class that the training images do not have"));
  CHECK(refusal("0.ppm,a\n\n0.ppm,b\n").says("line 3: '0.ppm' was named before"));
  CHECK(refusal("0.ppm,a\n1.ppm,\n").says("line 2: '1.ppm' has no class"));
  CHECK(refusal("7,0.ppm,a\n").says("names no picture of"));
  CHECK_FALSE(refusal("\xEF\xBB\xBF"
                      "0.ppm;a\n1.ppm;b\n")
                  .any);
}

TEST_CASE("a list of one part decides nothing about another") {
  const temporary_directory dir;
  write_classes(dir, {"train", "test"});
  dir.write("test/labels.csv", std::string("0.ppm,cat\n1.ppm,dog\n"));
  CHECK(thrown_by([&] { find_pictures(dir.path()); }).says("the training images have none"));
  dir.write("test/labels.csv", std::string("name\n0.ppm\n1.ppm\n"));  // to be labeled by somebody
  const picture_tree tree = find_pictures(dir.path());
  CHECK(tree.test.empty());
  CHECK(tree.train.size() == 2);

  const temporary_directory
      below;  // the pictures of a part in one directory, with a list beside it
  write_classes(below, {"train/images", "val/images"});
  for (const char* list : {"train/labels.csv", "val/labels.csv"}) {
    below.write(list, std::string("0.ppm,cat\n1.ppm,dog\n"));
  }
  const picture_tree both = find_pictures(below.path());
  CHECK(both.classes == std::vector<std::string>{"cat", "dog"});
  CHECK(both.test.size() == 2);
  CHECK(both.skipped.empty());

  const temporary_directory second;  // which is not used, whatever it holds
  write_classes(second, {"train/a", "test/a", "val/x", "val/y"});
  CHECK(find_pictures(second.path()).skipped.at("of a second test part").size() == 4);
}

TEST_CASE("large pictures are decoded few at a time, in the same order") {
  const temporary_directory dir;
  for (int i = 0; i < 30; ++i) {
    const int side = i % 3 == 0 ? 1200 : 4;
    dir.write("a/" + std::to_string(100 + i) + ".ppm",
              gray(side, side, static_cast<std::uint8_t>(i)));
  }
  thread_pool pool(4);
  const split many = read_image_folder(dir.path(), {}, &pool), one = read_image_folder(dir.path());
  REQUIRE(many.train.size() == 30);
  for (std::int64_t i = 0; i < 30; ++i) CHECK(many.train.image(i).pixels[0] == i);
  CHECK(many.train.pixels == one.train.pixels);
  CHECK(many.train.mean == one.train.mean);
}

TEST_CASE("all damaged pictures are named at once, or left out where that is asked for") {
  const temporary_directory dir;
  write_classes(dir, {"train/a", "train/b", "test/a"});
  dir.write("train/b/x.jpg", std::string("\xFF\xD8\xFF garbage"));
  dir.write("train/b/y.gif", std::string("GIF89a...."));
  dir.write("test/a/z.png", std::string("no picture"));
  std::filesystem::create_symlink("/nowhere/gone.jpg", dir.path() / "train/a/gone.jpg");
  const auto e = thrown_by([&] { read_image_folder(dir.path()); });
  CHECK(e.kind == error_kind::data);
  for (const char* part : {"4 of 10 pictures", "x.jpg", "y.gif: it is a GIF file", "z.png",
                           "gone.jpg", "`on-bad-image` skip"}) {
    CHECK(e.says(part));
  }
  const split s = read_image_folder(dir.path(), {.skip_damaged = true});
  CHECK(s.train.size() == 4);
  CHECK(s.test.size() == 2);
  std::size_t damaged = 0;
  for (const auto& [why, files] : s.skipped)
    damaged += why.starts_with("damaged") ? files.size() : 0;
  CHECK(damaged == 4);

  const temporary_directory nothing;  // left
  nothing.write("train/a/x.jpg", std::string("\xFF\xD8\xFF garbage"));
  write_classes(nothing, {"unlabeled", "test/a"});
  const auto refused =
      thrown_by([&] { read_image_folder(nothing.path(), {.skip_damaged = true}); });
  CHECK(refused.kind == error_kind::data);
  CHECK(refused.says("no training picture with a label is left"));
}

TEST_CASE("empty folders, unknown test classes and broken images are refused by name") {
  const temporary_directory dir;
  std::filesystem::create_directories(dir.path() / "empty");
  auto e = thrown_by([&] { read_image_folder(dir.path() / "empty"); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("empty"));

  dir.write("set/train/a/1.ppm", gray(2, 2, 1));
  std::filesystem::create_directories(dir.path() / "set/train/b");
  e = thrown_by([&] { read_image_folder(dir.path() / "set"); });
  CHECK(e.says("set/train/b is a class without a picture"));

  dir.write("set/train/b/1.ppm", gray(2, 2, 1));
  dir.write("set/test/c/1.ppm", gray(2, 2, 1));
  dir.write("set/test/d/1.ppm", gray(2, 2, 1));
  e = thrown_by([&] { read_image_folder(dir.path() / "set"); });
  CHECK(e.says("set/test/c"));

  std::filesystem::remove_all(dir.path() / "set/test");
  dir.write("set/train/b/2.jpg", std::string("\xFF\xD8\xFF garbage"));
  e = thrown_by([&] { read_image_folder(dir.path() / "set"); });
  CHECK(e.kind == error_kind::data);
  CHECK(e.says("b/2.jpg"));
}
