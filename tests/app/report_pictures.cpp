// The pictures of a report, held against what the library computes for the same numbers.
#include <array>
#include <cmath>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include <triptych/data/fill.hpp>
#include <triptych/data/registry.hpp>
#include <triptych/eval/encode.hpp>
#include <triptych/method/mncl.hpp>
#include <triptych/train/checkpoint.hpp>

#include "triptych/commands/saved_run.hpp"
#include "triptych/options/make.hpp"
#include "triptych/report/confusion_chart.hpp"
#include "triptych/report/embedding_map.hpp"
#include "triptych/report/gallery.hpp"
#include "triptych/report/patch_map.hpp"
#include "triptych/report/picture.hpp"
#include "triptych/report/pictures.hpp"

#include "support/catch.hpp"
#include "support/tiny_run.hpp"

using namespace triptych;
using namespace triptych::app;
using test::operator+;

TEST_CASE("Similarities of patches are those of the method's own networks") {
  for (const char* statistics : {"own", "online"}) {
    const test::tiny_run run;
    REQUIRE(run.train(test::tiny_options +
                      test::words{"--max-steps", "3", "--patch-statistics", statistics})
                .code == 0);
    const auto saved = io::load_checkpoint(run.latest());
    const auto o = config_of(saved);
    thread_pool pool(1);
    backend::eigen<> backend(1);
    auto images = data::load(data_source(o, o), &pool).test;
    const std::vector<std::int64_t> chosen{0, 7, 3};
    const auto found = similarities_of(saved, o, images, chosen, backend, pool);
    CHECK(found.subsets ==
          std::vector<std::vector<int>>{{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}});

    method::mncl<backend::eigen<>, app::policies> method(backend, layers(o),
                                                         part_of<method::mncl_options>(o), o.seed,
                                                         policy_values<app::policies>(o, 16));
    std::vector<std::int32_t> labels(40);
    train::restore(saved, method, labels);
    const arena_frame scope(backend.arena());
    constexpr int size = 16;
    std::vector<float> x(chosen.size() * size * size * 3);
    data::fill(images, chosen, augment::recipes::plain, {}, size, x.data(), &pool);
    forward_options options;
    options.mode = nn::mode::evaluate;
    const auto input = eval::uploaded(backend, x, {3, size, size, 3});
    const auto p = method.online().forward(input, std::array{0}, options).prediction;
    const auto c = method.stop_gradient().forward(input, std::array{0}, options).projection;
    const auto row = [](const auto& t, std::int64_t i) { return t.data + i * t.shape.channels; };
    for (std::int64_t i = 0; i < 3; ++i) {
      for (std::int64_t j = 0; j < 6; ++j) {
        double product = 0, pp = 0, cc = 0;
        for (int d = 0; d < p.shape.channels; ++d) {
          const double a = double(row(p, i)[d]), b = double(row(c, 3 * j + i)[d]);
          product += a * b;
          pp += a * a;
          cc += b * b;
        }
        CHECK(found.cosines[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] ==
              Approx(product / std::sqrt(pp * cc)).margin(1e-5));
      }
    }
  }
}

TEST_CASE("Subsets of patches are counted without being made") {
  CHECK(subset_count(2, 2, 36) == 6);
  CHECK(subset_count(3, 2, 36) == 36);
  CHECK(subset_count(2, 4, 36) == 1);
  CHECK(subset_count(2, 5, 36) == 0);
  CHECK(subset_count(4, 3, 1000) == 560);
  CHECK(subset_count(16, 128, 36) > 36);
  CHECK(subset_count(3, 7, 35) > 35);
}

TEST_CASE("A picture that fails is a section that says so, and the others stay") {
  picture_sections made;
  CHECK(add_picture(made, "a", "A", [] { return std::string("<p>"); }));
  CHECK_FALSE(add_picture(made, "b", "B", []() -> std::string { throw std::bad_alloc(); }));
  CHECK_FALSE(add_picture(made, "c", "C", []() -> std::string { throw error::io("no; look"); }));
  CHECK(add_picture(made, "d", "D", [] { return std::string(); }));
  REQUIRE(made.sections.size() == 3);
  CHECK(made.sections[0].content == "<p>");
  CHECK(made.sections[1].content.find("out of memory; choose a smaller --batch") !=
        std::string::npos);
  CHECK(made.sections[2].content.find("no; look") != std::string::npos);
  CHECK(made.failure->kind() == error_kind::memory);
}

TEST_CASE("Large views are shown small") {
  CHECK(shrunk({1, 0, 0, 2, 0, 0, 3, 0, 0, 4, 0, 1}, 2, 1) == std::vector<float>{2.5f, 0, 0.25f});
  CHECK(shrunk(std::vector<float>(75, 0.5f), 5, 3) == std::vector<float>(27, 0.5f));

  train_options o;
  o.data = "procedural";
  o.procedural_train = o.procedural_test = 6;
  o.image_size = 200;
  thread_pool pool(1);
  const auto images = data::load(data_source(o, o), &pool);
  const auto html = contact_sheet(images.train, o, true);
  const auto count = [&](const std::string& text) {
    int found = 0;
    for (auto at = html.find(text); at != html.npos; at = html.find(text, at + 1)) ++found;
    return found;
  };
  // The header of a PNG ends with its width and height.
  CHECK(count("iVBORw0KGgoAAAANSUhEUgAAAGAAAABg") == 6 * 4);
  CHECK(count("iVBORw0KGgoAAAANSUhEUgAAADAAAAAw") == 6 * 4);
  CHECK(count("iVBORw0KGgo") == 6 * 8);
}

TEST_CASE("Examples are not chosen by how they fare") {
  CHECK(example_images({0, 0, 1, 1, 0, 2}, 3, 5) == std::vector<std::int64_t>{0, 2, 5, 1, 3});
  CHECK(example_images({0, 0}, 3, 5) == std::vector<std::int64_t>{0, 1});
  CHECK(example_images({0, 1, 2, 3}, 4, 2) == std::vector<std::int64_t>{0, 2});
}

TEST_CASE("A map has each point once, in one scale for both directions") {
  const std::vector<float> places{0, 0, 10, 0, 10, 5};
  const std::vector<std::int32_t> labels{0, 0, 9};
  const auto html = map_figure("Map", "", {places, labels}, {"cat"});
  CHECK(html.find("data-name=\"cat\" data-at=\"8.0,296.0 392.0,296.0\" data-which=\"0 1\"") !=
        std::string::npos);
  CHECK(html.find("data-name=\"class 9\" data-at=\"392.0,104.0\" data-which=\"2\"") !=
        std::string::npos);
  CHECK(map_figure("Map", "", {}, {}).find("<svg") != std::string::npos);
}

TEST_CASE("Classes that are confused are listed, the most frequent pair first") {
  eval::confusion_matrix counts(30);
  for (int i = 0; i < 3; ++i) counts.add({.best = 7, .place = 1}, 4);
  counts.add({.best = 4, .place = 0}, 4);
  counts.add({.best = 2, .place = 0}, 2);
  const auto many = confusion_figure(table_of(counts, {"<a>"}, "kNN"));
  CHECK(many.find("<svg") == std::string::npos);
  CHECK(
      many.find("<td>4</td><td>7</td><td class=\"number\">3</td><td class=\"number\">75.0</td>") !=
      std::string::npos);
  CHECK(many.find("<td>4</td><td class=\"number\">25.0</td><td class=\"number\">4</td>") !=
        std::string::npos);

  eval::confusion_matrix two(2);
  two.add({.best = 1, .place = 1}, 0);
  const auto few = confusion_figure(table_of(two, {"<a>", "b"}, "kNN"));
  CHECK(few.find("&lt;a&gt; taken for b: 1 of 1") != std::string::npos);
  CHECK(few.find("<a>") == std::string::npos);
}

TEST_CASE("Bytes as text are those of RFC 4648") {
  const std::vector<std::pair<std::string, std::string>> known{{"", ""},
                                                               {"f", "Zg=="},
                                                               {"fo", "Zm8="},
                                                               {"foo", "Zm9v"},
                                                               {"foob", "Zm9vYg=="},
                                                               {"fooba", "Zm9vYmE="},
                                                               {"foobar", "Zm9vYmFy"},
                                                               {"\xff\xfe", "//4="}};
  for (const auto& [bytes, text] : known) CHECK(base64(bytes) == text);
  CHECK(data_uri("image/png", "foo") == "data:image/png;base64,Zm9v");
}
