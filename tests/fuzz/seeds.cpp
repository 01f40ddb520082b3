// Makes the inputs that fuzzing begins with, a directory for each target: sound files, written by
// what writes them for users, and words and lists of several kinds.
//
//   fuzz_seeds DIRECTORY
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <triptych/data/cifar.hpp>
#include <triptych/io/checkpoint_manifest.hpp>
#include <triptych/io/metrics_log.hpp>
#include <triptych/io/safetensors_writing.hpp>
#include <triptych/nn/parameters.hpp>
#include <triptych/nn/resnet.hpp>
#include <triptych/train/data_identity.hpp>

#include "data/image_fixture.hpp"
#include "support/temporary_directory.hpp"
#include "support/text_of.hpp"
#include "triptych/options/options.hpp"

using namespace triptych;
using triptych::test::text_of;
namespace fs = std::filesystem;

namespace {

class seeds {
 public:
  explicit seeds(fs::path root) : root_(std::move(root)) {}

  template <class Bytes>
  void add(const std::string& target, const Bytes& bytes) {
    fs::create_directories(root_ / target);
    std::ofstream(root_ / target / ("seed" + std::to_string(++count_)), std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

 private:
  fs::path root_;
  int count_ = 0;
};

void tensors(seeds& to, const temporary_directory& work) {
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> counts{7};
  const auto file = work.path() / "a.safetensors";
  io::save_safetensors(file, {});
  to.add("safetensors", text_of(file));
  io::save_safetensors(file,
                       {io::tensor_of("w", {2, 3}, std::span(numbers)),
                        io::tensor_of("empty", {0, 5}, std::span(numbers).first(0)),
                        io::tensor_of("layer.0.count", {}, std::span(counts))},
                       {{"format", "pt"}, {"name", "\"quoted\" \xC3\xA4"}});
  const std::string whole = text_of(file);
  const auto data = 8 + static_cast<std::size_t>(static_cast<unsigned char>(whole[0]));
  to.add("safetensors", whole);
  to.add("safetensors", whole.substr(8, data - 8) + std::string(1, '\0') + whole.substr(data));
}

/// Names and shapes of a small ResNet, as several programs write them.
void encoders(seeds& to) {
  nn::declaration d;
  nn::resnet({.width = 2, .blocks = {1, 1, 1, 1}}).declare(d);
  for (const char* prefix : {"", "module.encoder_q.", "backbone."}) {
    std::string lines, key;
    for (const auto* list : {&d.weights, &d.statistics}) {
      for (const auto& p : *list) {
        auto name = p.name;
        if (name.starts_with("layer") && *prefix == 'b') {  // the children of an nn.Sequential
          name = std::to_string(name[5] - '1' + 4) + name.substr(6);
        } else if (*prefix == 'b') {
          name = (name.starts_with("conv1") ? "0" : "1") + name.substr(name.find('.'));
        }
        lines += prefix + name;
        if (*prefix == 'm') key += "module.encoder_k." + name;
        for (const auto extent : p.shape) {
          lines += " " + std::to_string(extent);
          if (*prefix == 'm') key += " " + std::to_string(extent);
        }
        lines += "\n";
        if (*prefix == 'm') key += "\n";
      }
    }
    to.add("encoder", lines + key + "fc.weight 3 16\n");
  }
}

void checkpoints(seeds& to, const temporary_directory& work) {
  const std::vector<float> weights{1, 2, 3, 4};
  const auto model =
      io::save_safetensors(work.path() / "model.safetensors",
                           {io::tensor_of("w", {2, 2}, std::span<const float>(weights))});
  const io::checkpoint_note note{12, 3, app::config_toml({}), {{"data", "{}"}, {"rng", "1"}}};
  for (const auto& files : {std::map<std::string, io::digest>{},
                            std::map<std::string, io::digest>{{"model.safetensors", model}}}) {
    std::string text = io::detail::manifest_text(note, files);
    text.resize(text.size() - io::detail::manifest_seal({}).size());  // the target appends it
    to.add("manifest", text);
    to.add("json", text);
  }
  for (const char* change : {"\0\0", "\0\1", "\1\2", "\1\3", "\2\0", "\2\1"}) {
    to.add("damage", std::string(change, 2) + std::string("\0\0\24\1", 4));
  }
  to.add("owned_names", std::string("triptych 1\nlatest\nstep-000001/MANIFEST.json\nothers\n"));
  to.add("owned_names", std::string("triptych 1\n../others\n"));
  const train::data_identity identity{};
  to.add("identity", train::to_json(identity));
  to.add("json", train::to_json(identity));
  to.add("json",
         std::string(
             R"({"a": [1, -2.5e3, true, null], "b": {"c": "\u00e4\n"}, "d": 9007199254740993})"));
}

void metrics(seeds& to, const temporary_directory& work) {
  {
    const io::metrics_log log(work.path(), {"loss", "knn_top1"});
    for (std::int64_t step = 1; step < 6; ++step) {
      log.append(step,
                 std::vector{io::metric("loss", 1.0 / static_cast<double>(step)),
                             io::metric("knn_top1", step % 2 == 0 ? std::optional(50.0)
                                                                  : std::optional<double>())});
    }
  }
  const std::string json = text_of(work.path() / "metrics.jsonl");
  const std::string csv = text_of(work.path() / "metrics.csv");
  to.add("metrics", json + std::string(1, '\0') + csv);
  to.add("metrics", json.substr(0, json.size() - 9) + std::string(1, '\0') + csv);
}

void words(seeds& to) {
  app::train_options changed;
  changed.lr = 0.125;
  changed.out = "runs/a \"name\"";
  for (const auto& options : {app::train_options{}, changed}) {
    to.add("configuration", app::config_toml(options));
    to.add("configuration", app::config_toml(options, true));
  }
  for (const char* line :
       {"train\n--method\nsimclr\n--lr=0.1\n--blocks\n1,1,1,1",
        "train\n--variant\nreleased\n--quiet", "eval\nruns/first\n--protocol\nknn,logistic\n--json",
        "embed\nrun\n--split\ntrain", "export\nrun\n--format\nonnx", "inspect\na.safetensors",
        "runs\n--json", "compare\na\nb\n--json", "report\na\nb\n--map\n0",
        "data\nshow\ncifar10\n--views\n2", "doctor\n--json",
        "reproduce\ntable1\n--seeds\n1,2\n--methods\nmncl,byol", "--version", "train\n--help",
        "train\n--resume\n--lr-changes\n10:0.1"}) {
    to.add("command_line", std::string_view(line));
  }
}

void lists(seeds& to) {
  for (const char* text : {"a.png\tcat\t0\t0\nb.png\tdog\n", "file,label\na.png,cat\nb.png,dog\n",
                           "a.png cat\r\nb.png dog\r\n\r\nc.png cat\r\n",
                           "\xEF\xBB\xBF\"a.png\";cat\n", "c.png\nb.png\n"}) {
    to.add("annotations", std::string_view(text));
    to.add("annotations", std::string(text) + std::string(1, '\0') + text);
  }
}

void records(seeds& to) {
  for (const int set : {0, 1}) {
    for (const int count : {1, 2}) {
      const auto layout = set == 0 ? data::cifar10_layout() : data::cifar100_layout();
      std::string file(1, static_cast<char>(set));
      file += std::string(static_cast<std::size_t>(count * layout.record_bytes()), '\3');
      to.add("cifar", file);
    }
  }
  to.add("stl10", std::string("\1\12", 2) + std::string(1, '\0') +
                      std::string(std::size_t{2} * 96 * 96 * 3, '\7'));
}

void pictures(seeds& to) {
  to.add("ppm", ppm_file(3, 5, picture(3, 5)));
#if defined(TRIPTYCH_HAS_JPEG)
  for (const int channels : {1, 3, 4}) {
    for (const bool progressive : {false, true}) {
      to.add("jpeg", jpeg_file(9, 17, picture(9, 17, channels), channels, progressive,
                               exif_block(6, progressive)));
    }
  }
  to.add("jpeg", jpeg_file(16, 16, picture(16, 16, 4), 4, false, {}, JCS_YCCK));
#endif
#if defined(TRIPTYCH_HAS_WEBP)
  for (const int channels : {3, 4}) {
    for (const float quality : {0.0F, 80.0F}) {
      const auto file = webp_file(9, 17, picture(9, 17, channels), channels, quality);
      to.add("webp", file);
      to.add("webp", extended_webp(file, 9, 17, channels == 4 ? 0x18 : 8,
                                   webp_chunk("EXIF", exif_block(6, quality > 0))));
    }
  }
#endif
#if defined(TRIPTYCH_HAS_PNG)
  to.add("png", png_file(5, 7, picture(5, 7)));
  for (const bool interlaced : {false, true}) {
    for (const auto& [color, depth] :
         std::vector<std::pair<int, int>>{{PNG_COLOR_TYPE_GRAY, 1},
                                          {PNG_COLOR_TYPE_GRAY, 16},
                                          {PNG_COLOR_TYPE_PALETTE, 4},
                                          {PNG_COLOR_TYPE_RGB, 16},
                                          {PNG_COLOR_TYPE_GRAY_ALPHA, 8},
                                          {PNG_COLOR_TYPE_RGB_ALPHA, 8}}) {
      to.add("png", png_file(6, 9,
                             png_form{.color = color,
                                      .depth = depth,
                                      .interlaced = interlaced,
                                      .transparent = color == PNG_COLOR_TYPE_PALETTE,
                                      .exif = exif_block(3, interlaced)}));
    }
  }
#endif
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  seeds to(argv[1]);
  const temporary_directory work;
  encoders(to);
  tensors(to, work);
  checkpoints(to, work);
  metrics(to, work);
  words(to);
  lists(to);
  records(to);
  pictures(to);
  return 0;
}
