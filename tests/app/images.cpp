// Images as people have them: what is taken, what a run remembers of them, and what is said when
// they change.
#include <algorithm>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <triptych/io/checkpoint.hpp>
#include <triptych/io/safetensors.hpp>

#include "support/catch.hpp"
#include "support/pictures.hpp"

using namespace triptych::test;
namespace io = triptych::io;

namespace {

void expect(const app_result& result, int code, const std::vector<std::string>& parts = {}) {
  INFO(result.out + result.err);
  CHECK(result.code == code);
  for (const auto& part : parts) {
    CAPTURE(part);
    CHECK((result.out + result.err).find(part) != std::string::npos);
  }
}

/// A run of 4 of its 8 steps, on pictures beside it.
struct folder_run : tiny_run {
  fs::path pictures = beside("pictures");
  words options = folder_model(pictures);

  explicit folder_run(const words& more = {"--max-steps", "4"}) {
    write_pictures(pictures / "train");
    write_pictures(pictures / "test", 100, 2);
    options = options + more;
    expect(train(options), 0);
  }

  [[nodiscard]] std::vector<float> features(const words& more) const {
    const auto file = beside("features.safetensors").string();
    expect(call_app(words{"embed", root().string(), "--quiet", "--out", file} + more), 0);
    return io::safetensors_file::open(file).values<float>("features");
  }
};

}  // namespace

TEST_CASE("A picture has the same features whatever else lies in its folder") {
  const folder_run run;
  const auto all = run.features({"--split", "train"});
  const auto few = run.features({"--split", "train", "--limit-per-file", "1"});
  REQUIRE(few.size() == 2 * all.size() / 16);
  CHECK(std::equal(few.begin(), few.begin() + static_cast<std::ptrdiff_t>(few.size() / 2),
                   all.begin()));

  const auto alone = run.beside("alone");
  fs::create_directories(alone);
  fs::copy(run.pictures / "train/cat/1.ppm", alone / "1.ppm");
  const auto one =
      run.features({"--split", "train", "--data", "folder", "--data-dir", alone.string()});
  CHECK(std::equal(one.begin(), one.end(), all.begin()));

  // Whoever is given the encoder is told what normalizes images for it.
  const auto exported = io::safetensors_file::open(run.root() / "export/encoder.safetensors");
  const auto& metadata = exported.header().metadata;
  const auto images = nlohmann::json::parse(metadata.at("triptych.data"));
  CHECK(images["class_names"] == nlohmann::json{"cat", "dog"});
  CHECK(images["train"]["images"] == 16);
  CHECK(metadata.at("triptych.mean").find("0.4") == 0);
  const auto of_run = nlohmann::json::parse(text_of(run.root() / "data.json"));
  CHECK(of_run["images"] == images);
}

TEST_CASE("Features come with the names of their files, in every format") {
  const folder_run run;
  const auto embed = [&](const std::string& out, const words& more) {
    expect(
        call_app(words{"embed", run.root().string(), "--quiet", "--out", run.beside(out).string()} +
                 more),
        0);
    return text_of(run.beside(out));
  };
  const std::vector<std::string> files{"test/cat/1.ppm", "test/cat/2.ppm", "test/dog/1.ppm",
                                       "test/dog/2.ppm"};
  embed("x.safetensors", {});
  const auto whole = io::safetensors_file::open(run.beside("x.safetensors"));
  CHECK(nlohmann::json::parse(whole.metadata().at("files")) == nlohmann::json(files));
  const auto values = whole.values<float>("features");
  const auto dim = values.size() / files.size();

  const auto npy = embed("x.npy", {});
  CHECK(embed("w.numpy", {"--format", "npy"}) == npy);
  const std::string_view numbers(reinterpret_cast<const char*>(values.data()), 4 * values.size());
  CHECK(npy.starts_with("\x93NUMPY"));
  CHECK(npy.find("'shape': (4," + std::to_string(dim) + ",)") != npy.npos);
  CHECK(npy.substr(128) == numbers);
  const auto labels = text_of(run.beside("x-labels.npy"));
  CHECK(labels.substr(128) == std::string("\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0", 16));
  CHECK(nlohmann::json::parse(text_of(run.beside("x-files.json"))) == nlohmann::json(files));

  const auto csv = embed("x.csv", {"--neighbors", "9"});
  CHECK(csv.starts_with("file,label,0,1,"));
  CHECK(csv.find("\ntest/cat/1.ppm,0," + io::number_text(values[0]) + ",") != csv.npos);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 1 + 4);
  // Of 4 images each has 3 others, none of which is itself.
  const auto near = text_of(run.beside("x-neighbors.csv"));
  CHECK(near.starts_with("image,file,label,rank,neighbor,neighbor file,neighbor label,similarity\n"
                         "0,test/cat/1.ppm,0,1,"));
  CHECK(std::count(near.begin(), near.end(), '\n') == 1 + 4 * 3);
  CHECK(near.find("\n0,test/cat/1.ppm,0,2,0,") == near.npos);
  CHECK(near.find("\n3,test/dog/2.ppm,1,3,") != near.npos);

  const tiny_run other;  // of images without names
  REQUIRE(other.train(tiny_options + words{"--max-steps", "2"}).code == 0);
  const words list{"embed", other.root().string(), "--quiet", "--neighbors", "2", "--out"};
  expect(call_app(list + words{other.beside("y").string()}), 0);
  CHECK_FALSE(io::safetensors_file::open(other.beside("y")).metadata().contains("files"));
  const auto lines = text_of(other.beside("y-neighbors.csv"));
  CHECK(lines.starts_with("image,label,rank,neighbor,neighbor label,similarity\n0,"));
  CHECK(std::count(lines.begin(), lines.end(), '\n') == 1 + 32 * 2);
  expect(call_app(list + words{other.beside("y").string(), "--format", "hdf5"}), 2);

  // What lies beside F is replaced with F, and is not ours where there is no F.
  expect(call_app(list + words{other.beside("y").string()}), 0);
  std::ofstream(other.beside("z-neighbors.csv")) << "mine";
  expect(call_app(list + words{other.beside("z").string()}), 2,
         {"z-neighbors.csv is there already, which embed would replace; choose another --out"});
  CHECK(text_of(other.beside("z-neighbors.csv")) == "mine");
  CHECK_FALSE(fs::exists(other.beside("z")));
}

TEST_CASE("A resumed run notices other images, says which, and goes on where they are accepted") {
  const auto refused = [](const auto& change, const std::string& what) {
    const folder_run run;
    change(run.pictures);
    const auto content = [&] {
      auto all = everything_in(run.root());
      all.erase("lock");  // holds the number of the last process
      return all;
    };
    const auto before = content();
    expect(run.train({"--resume"}), 6, {what, "--accept-changed-data"});
    CHECK(content() == before);
    expect(run.train({"--resume", "--accept-changed-data"}), 0);
    const auto json = nlohmann::json::parse(text_of(run.root() / "data.json"));
    CHECK(text_of(run.root() / "train.log").find(what) != std::string::npos);
    // What normalizes them stays, and from here on these are the run's.
    const auto saved = io::load_checkpoint(run.latest());
    CHECK(nlohmann::json::parse(saved.note.extra.at("data")) == json["images"]);
    expect(run.train({"--resume"}), 0);
  };
  refused([](const fs::path& p) { write_picture(p / "train/cat/9.ppm", 8, 8, 99); },
          "17 training images, not 16");
  refused([](const fs::path& p) { write_picture(p / "train/cat/3.ppm", 8, 8, 99); },
          "other contents of the training images");
  refused([](const fs::path& p) { fs::rename(p / "train/cat/8.ppm", p / "train/dog/9.ppm"); },
          "other contents of the training images");
  refused([](const fs::path& p) { write_pictures(p / "train", 7, 2, {"owl"}); },
          "3 classes (cat, dog, owl), not the 2 classes (cat, dog)");
  refused([](const fs::path& p) { fs::remove_all(p / "test"); }, "0 test images, not 4");
}

TEST_CASE(
    "A run that does not say what it was trained on takes the images of now, with a warning") {
  const folder_run run;
  rewrite(run.latest(), [](io::checkpoint_note& note) { note.extra.erase("data"); });
  expect(call_app({"embed", run.root().string(), "--out", run.beside("x").string()}), 0,
         {"does not say which images it was trained on"});
  expect(run.train({"--resume", "--max-steps", "6"}), 0);
  const std::string log = text_of(run.root() / "train.log");
  CHECK(log.find("does not say which images it was trained on") != std::string::npos);
  expect(run.train({"--resume"}), 0);
  CHECK(text_of(run.root() / "train.log").rfind("does not say") ==
        log.find("does not say"));  // once
}

TEST_CASE("Pictures that do not fit into memory are decoded as needed, with the same result") {
  const folder_run run({"--knn-every", "2"});
  const auto all = run.features({"--split", "train"});
  const tiny_run streamed;
  write_pictures(streamed.beside("pictures/train"));
  for (int i = 0; i < 3; ++i) {  // some large ones, so that a MiB is not enough
    write_picture(run.pictures / "train/owl" / (std::to_string(i) + ".ppm"), 400, 500, 1);
  }
  const tiny_run kept;
  const auto options = folder_model(run.pictures) + words{"--knn-every", "2"};
  expect(kept.train(options), 0);
  expect(streamed.train(options + words{"--image-memory", "1"}), 0);
  CHECK(text_of(streamed.root() / "train.log").find("decoded as needed") != std::string::npos);
  CHECK(io::load_checkpoint(kept.latest())
            .file("model")
            .values<float>("online.encoder.conv1.weight") ==
        io::load_checkpoint(streamed.latest())
            .file("model")
            .values<float>("online.encoder.conv1.weight"));
  CHECK(text_of(kept.root() / "data.json") == text_of(streamed.root() / "data.json"));
}

TEST_CASE("What a folder holds is accounted for, and damaged pictures are named or left out") {
  const tiny_run run;
  const auto pictures = run.beside("pictures");
  write_pictures(pictures / "train");
  write_picture(pictures / "train/loose.ppm", 8, 8, 1);
  std::ofstream(pictures / "train/cat/notes.pdf") << "text";
  const words verify{"data", "verify", "folder", "--data-dir", pictures.string()};
  expect(call_app(verify), 0,
         {"16", "8x8", "skipped  1 not a picture: ", "notes.pdf",
          "skipped  1 without a label: ", "loose.ppm"});
  expect(run.train(folder_model(pictures)), 0);
  CHECK(text_of(run.root() / "train.log").find("skipped  1 without a label") != std::string::npos);

  std::ofstream(pictures / "train/cat/bad.jpg") << "no picture";
  expect(call_app(verify), 5, {"cannot decode", "bad.jpg", "--on-bad-image skip"});
  expect(call_app(verify + words{"--on-bad-image", "skip"}), 0, {"1 damaged"});
  const tiny_run other;
  expect(other.train(folder_model(pictures) + words{"--on-bad-image", "skip"}), 0);
  const auto json = nlohmann::json::parse(text_of(other.root() / "data.json"));
  REQUIRE(json["damaged"].size() == 1);
  CHECK(json["damaged"][0].get<std::string>().ends_with("bad.jpg"));
  expect(call_app({"embed", other.root().string(), "--split", "train", "--quiet", "--out",
                   other.beside("x").string()}),
         0);
}

TEST_CASE("What will be judged later is looked at before") {
  const tiny_run run;
  const auto pictures = run.beside("pictures");
  write_pictures(pictures / "train");
  const auto model = folder_model(pictures);
  expect(run.train(model + words{"--knn-every", "1"}), 5, {"no test images", "--knn-every"});
  CHECK_FALSE(fs::exists(run.root()));
  expect(call_app(words{"reproduce", "table3", "--quiet", "--seeds", "1", "--out",
                        run.beside("table").string()} +
                  model),
         5, {"no test images"});
  CHECK_FALSE(fs::exists(run.beside("table")));

  // The next step that a run names is one that works.
  auto trained = run.train(model);
  expect(trained, 0, {"next     triptych embed " + run.root().string() + " --split train"});
  const words features{"embed", run.root().string(), "--out", run.beside("x").string()};
  expect(call_app(features), 5, {"no test images", "--split train"});
  CHECK_FALSE(fs::exists(run.beside("x")));
  expect(call_app(features + words{"--split", "train"}), 0);
  expect(call_app({"eval", run.root().string()}), 5, {"no test images", "triptych embed"});

  // Sixteen images, fewer than a usual batch, in classes of three to thirteen.
  write_pictures(pictures / "test", 100, 2);
  for (int i = 4; i <= 8; ++i) {
    fs::rename(pictures / "train/cat" / (std::to_string(i) + ".ppm"),
               pictures / "train/dog" / ("1" + std::to_string(i) + ".ppm"));
  }
  expect(
      call_app({"eval", run.root().string(), "--epochs", "2"}), 0,
      {"not as in training: other contents of the training images", "batch 16", "logistic", "kNN"});
  expect(call_app({"eval", run.root().string(), "--epochs", "2", "--resume", "--baselines",
                   "untrained"}),
         0);
  CHECK(text_of(run.root() / "eval.json").find("raw pixels") == std::string::npos);

  const tiny_run few;  // no class of five: the penalty is not chosen
  write_pictures(few.beside("pictures/train"), 1, 4);
  write_pictures(few.beside("pictures/test"), 100, 2);
  expect(few.train(folder_model(few.beside("pictures"))), 0);
  expect(call_app({"eval", few.root().string(), "--epochs", "2"}), 0,
         {"too few images to choose it"});
}

TEST_CASE("One protocol's failure does not discard what the others have measured") {
  const folder_run run;
  // A weight that is too large stops what looks at the trained encoder, and nothing else.
  inject(run, "online.encoder.layer4.0.conv2.weight", 3e38f);
  const words judge{"eval", run.root().string(), "--protocol", "logistic,knn"};
  expect(call_app(judge), 3, {"warning: trained, kNN was not measured", "raw pixels"});
  const auto text = text_of(run.root() / "eval.json");
  CHECK(nlohmann::json::parse(text)["results"].size() == 3);
  const auto quiet = call_app(judge + words{"--quiet"});
  expect(quiet, 3, {"triptych: trained, logistic was not measured: "});
  CHECK(std::count(quiet.err.begin(), quiet.err.end(), '\n') == 1);

  // What can be refused is refused before anything is measured, with the last evaluation in its
  // place.
  fs::create_directories(run.root() / "eval");
  std::ofstream(run.root() / "eval/linear") << "not ours";
  CHECK(call_app({"eval", run.root().string(), "--epochs", "1"}).code != 0);
  CHECK(text_of(run.root() / "eval.json") == text);
}

TEST_CASE(
    "A run goes on in a copy that followed its links, in a path of any bytes, by any text file") {
  const folder_run run;
  const auto copy = run.beside("copy");
  fs::copy(run.root(), copy, fs::copy_options::recursive);  // `latest` becomes a directory
  REQUIRE_FALSE(fs::is_symlink(copy / "checkpoints/latest"));
  expect(call_app({"train", "--quiet", "--resume", copy.string()}), 0);
  CHECK(fs::is_symlink(copy / "checkpoints/latest"));
  const auto mine = run.beside("mine");
  fs::copy(run.root(), mine, fs::copy_options::recursive);
  std::ofstream(mine / "checkpoints/latest/notes.txt") << "mine";
  const auto refused = call_app({"train", "--quiet", "--resume", mine.string()});
  expect(refused, 2, {"move it away, then continue the run"});
  CHECK(text_of(mine / "checkpoints/latest/notes.txt") == "mine");
  fs::rename(mine / "checkpoints/latest", run.beside("aside"));
  expect(call_app({"train", "--quiet", "--resume", mine.string()}), 0);

  for (const std::string name : {"caf\xE9", "new\nline", "b\\'\x7F"}) {
    CAPTURE(name);
    const auto place = run.beside(name);
    fs::create_directories(place);
    fs::copy(run.pictures, place / "pictures", fs::copy_options::recursive);
    const auto root = (place / "run").string();
    const auto begun = call_app(words{"train", "--quiet", "--out", root, "--max-steps", "2"} +
                                folder_model(place / "pictures"));
    expect(begun, 0, {"next     triptych eval $'"});
    expect(call_app({"train", "--quiet", "--resume", root}), 0);
    // The command that it names, as a shell takes it.
    const auto next = begun.out.substr(begun.out.find("eval $'"));
    expect(
        run_app("/bin/bash",
                {"-c", "exec \"$0\" " + next.substr(0, next.find('\n')) + " --quiet --protocol knn",
                 TRIPTYCH_APP}),
        0);
  }

  const auto config = run.beside("marked.toml");
  std::ofstream(config) << "\xEF\xBB\xBF" << text_of(run.root() / "config.toml");
  expect(call_app({"train", "--quiet", "--config", config.string(), "--out",
                   run.beside("again").string()}),
         0);
}

TEST_CASE("Class names of any bytes are those of the run when it goes on") {
  const tiny_run run;
  const auto pictures = run.beside("pictures");
  write_pictures(pictures / "train", 1, 8, {"caf\xE9", "dog"});
  expect(run.train(folder_model(pictures) + words{"--max-steps", "2"}), 0);
  expect(run.train({"--resume"}), 0);
  const auto json = nlohmann::json::parse(text_of(run.root() / "data.json"));
  CHECK(json["images"]["class_names"][0] == "caf\\xe9");
}

TEST_CASE("A table is of one set of images, and says so where they have changed") {
  const tiny_run box;
  const auto pictures = box.beside("pictures");
  write_pictures(pictures / "train");
  write_pictures(pictures / "test", 100, 2);
  const auto line = [&](const char* out) {
    return words{"reproduce", "table3", "--quiet",
                 "--seeds",   "1",      "--evaluator",
                 "knn",       "--out",  box.beside(out).string()} +
           folder_model(pictures);
  };
  const auto table = line("table");
  const auto killed = run_app(TRIPTYCH_APP, table, {"TRIPTYCH_FAILPOINT=checkpoint.renamed#4"});
  CHECK(killed.code == 128 + SIGKILL);
  write_picture(pictures / "train/cat/3.ppm", 8, 8, 99);
  expect(call_app(table), 6,
         {"other contents of the training images", "give those, or another --out"});
  expect(call_app(line("other")), 0);
}

TEST_CASE("A run of version 0.1.0 at 07e4238 still loads, is judged and goes on") {
  const tiny_run run;
  fs::copy(fs::path(TRIPTYCH_TESTS_DIR) / "golden/run_0.1.0", run.root(),
           fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  const auto pictures = run.beside("pictures");
  write_pictures(pictures / "train");
  write_pictures(pictures / "test", 100, 2);
  const words here{"--data-dir", pictures.string()};
  const std::string warning = "does not say which images it was trained on";
  expect(call_app(words{"eval", run.root().string(), "--protocol", "knn,logistic"} + here), 0,
         {warning});
  expect(run.train(words{"--resume", "--max-steps", "6"} + here), 0);
  CHECK(text_of(run.root() / "train.log").find(warning) != std::string::npos);
  // From here on it says it.
  const auto features = run.beside("x").string();
  const auto quiet = call_app({"embed", run.root().string(), "--out", features});
  expect(quiet, 0);
  CHECK(quiet.err.find(warning) == std::string::npos);
  expect(run.train({"--resume"}), 0);
}
