// Every option of training, declared once.
#include "triptych/options/declared.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

#include <triptych/augment/recipe.hpp>
#include <triptych/backend/cpu/convolution/any.hpp>
#include <triptych/core/printable.hpp>
#include <triptych/data/registry.hpp>

#include "triptych/options/described.hpp"
#include "triptych/options/parts.hpp"
#include "triptych/options/shared_fields.hpp"

namespace triptych::app {

namespace {

constexpr int most_devices = 1024;

/// auto, cpu, cuda or cuda:N. Whether it is there is asked where it is needed; see place().
field<train_options> device_field() {
  auto result = one_of(&train_options::device, {"auto", "cpu", "cuda"});
  result.hint = "auto|cpu|cuda[:N]";
  result.read = [read = result.read](train_options& o, std::string_view text) {
    int index = 0;
    if (text.starts_with("cuda:")) {
      const auto number = text.substr(5);
      if (auto complaint = read_whole(number, 0, most_devices, index); !complaint.empty()) {
        return "has the number " + in_quotes(number) + ", which " + complaint;
      }
      text = "cuda";
    }
    auto complaint = read(o, text);
    if (complaint.empty()) o.device_index = index;
    return complaint;
  };
  result.write = [write = result.write](const train_options& o) {
    return write(o) + (o.device_index > 0 ? ":" + std::to_string(o.device_index) : "");
  };
  result.example = "cpu";
  return result;
}

/// --resume is --resume=auto.
field<train_options> resume_field() {
  auto result = text(&train_options::resume, "auto|PATH", "auto");
  result.shape = form::maybe;
  result.read = [](train_options& o, std::string_view given) -> std::string {
    if (given.empty()) return "is empty";
    o.resume = given == "true" ? "auto" : given == "false" ? "" : std::string(given);
    return {};
  };
  return result;
}

field<train_options> minutes_field() {
  auto result = real(&train_options::stop_after, not_negative);
  result.hint = "MINUTES";
  return result;
}

/// All but the method and what methods and optimizers say themselves.
settings<train_options> run_settings() {
  using o = train_options;
  settings<train_options> table{
      {"out", "Run", text(&o::out, "DIR", "runs/first"),
       "run directory; default: runs/ and a name made of data, method, variant and seed",
       role::habit},
      {"seed", "Run", whole(&o::seed, at_least(0)), "of everything that is random"},
      {"resume", "Run", resume_field(),
       "continue the run in --out, or the run or checkpoint at PATH", role::session},
      {"overwrite", "Run", flag(&o::overwrite), "replace the run that is there", role::session},
      {"accept-changed-data", "Run", flag(&o::accept_changed_data),
       "with --resume: go on with images that are not those of the run", role::session},
      {"max-steps", "Run", whole(&o::max_steps, at_least(0)),
       "stop, with a checkpoint, after step N of the run; 0 = at its end", role::session},
      {"stop-after", "Run", minutes_field(),
       "stop, with a checkpoint, after so many minutes; the same command goes on; 0 = never",
       role::session},
      {"checkpoint-every", "Run", whole(&o::checkpoint_every, {1, most_epochs}), "epochs",
       role::habit},
      {"knn-every", "Run", whole(&o::knn_every, {0, most_epochs}),
       "epochs between kNN accuracies in the log, 0 = never", role::habit},
      {"log-every", "Run", whole(&o::log_every, at_least(1)), "steps between lines of the metrics",
       role::habit},
      {"tensorboard", "Run", flag(&o::tensorboard),
       "write the metrics for TensorBoard as well, into tensorboard/ of the run", role::habit},
      {"report", "Run", flag(&o::report),
       "write report.html into the run when it ends, as triptych report does", role::habit},
      {"dump-step", "Run", text(&o::dump_step, "FILE", "step.safetensors"),
       "write every tensor of one step, to be recomputed elsewhere", role::session},
      {"dump-at", "Run", whole(&o::dump_at, at_least(1)), "which step to dump, from 1",
       role::session},
      {"config", "Run", text(&o::config, "FILE", "run.toml"),
       "read options from FILE, lines of name = value", role::session},
      {"print-config", "Run", flag(&o::print_config),
       "print all options, with their sources, as such a file, and exit", role::session},
      {"dry-run", "Run", flag(&o::dry_run), "print shapes, sizes and steps; write nothing",
       role::session},
      {"quiet", "Run", flag(&o::quiet), "no progress on stderr", role::session},
      {"json", "Run", flag(&o::json), "results as JSON", role::session},

      {"device", "Machine", device_field(),
       "where to compute; auto: on the first CUDA device, else on the CPU", role::habit},
      {"backend", "Machine", one_of(&o::backend, {"reference", "eigen"}),
       "on the CPU: reference: plain and slow; eigen: fast"},
      {"dtype", "Machine", one_of(&o::dtype, {"f32", "f64"}), "f64 needs the backend reference"},
      {"convolution", "Machine", name_among(&o::convolution, convolution::any::names),
       "algorithm of the backend eigen; bf16: rounded products, on processors with AMX"},
      {"threads", "Machine", whole(&o::threads, {0, most_threads}),
       "0 = all; results do not depend on it", role::habit},
      {"ranks", "Machine", whole(&o::ranks, {1, most_ranks}),
       "on the CPU: share every batch among so many, each with --threads", role::habit},
      {"launcher", "Machine", one_of(&o::launcher, {"auto", "none"}),
       "auto: the processes that mpirun or srun has started are ranks; none: runs of their own",
       role::session},
      {"precision", "Machine", one_of(&o::precision, {"f32", "tf32", "bf16"}),
       "on CUDA: what the operands of products are rounded to"},
      {"conv-engine", "Machine", one_of(&o::conv_engine, {"auto", "gemm", "cudnn"}),
       "on CUDA: cuBLAS on patch matrices, or cuDNN; auto: cuDNN where it is there", role::habit},
      {"resident", "Machine", toggle(&o::resident),
       "on CUDA: images lie in its memory and views are made there; off: by the CPU", role::habit},
      {"graph", "Machine", toggle(&o::graph),
       "on CUDA: a step's launches are made as one graph; off: one by one", role::habit},

      {"data", "Images", name_among(&o::data, data::data_set_names),
       "data set: " + join(data::data_set_names, ", ")},
      {"procedural-train", "Images", whole(&o::procedural_train, {1, 10'000'000}),
       "generated training images"},
      {"procedural-test", "Images", whole(&o::procedural_test, {1, 10'000'000}),
       "generated test images"},
      {"image-size", "Images", whole(&o::image_size, {0, most_pixels}),
       "pixels on a side of a view, 0 = the data set's own"},
      {"augment", "Images", name_among(&o::augment, augment::preset_names),
       "recipe of the views: " + join(augment::preset_names, ", ")},
      {"normalize", "Images", normalize_field<o>(),
       "mean and deviation that normalize them; auto: those of --init's file, else the data set's"},

      {"init", "Networks", text(&o::init, "FILE", "resnet18.safetensors"),
       "start from the encoder in a safetensors file of torchvision's names; its width, blocks, "
       "block and stem are taken"},
      {"width", "Networks", within(&o::encoder, whole(&nn::resnet_options::width, {1, 4096})),
       "channels of the first stage"},
      {"blocks", "Networks",
       within(&o::encoder, wholes(&nn::resnet_options::blocks, 1, 1000, "N,N,N,N")),
       "residual blocks of the stages"},
      {"block", "Networks",
       within(&o::encoder, one_of(&nn::resnet_options::block, {"basic", "bottleneck"})),
       "basic: two 3x3 convolutions; bottleneck: 1x1, 3x3 and 1x1, with four times the channels "
       "between "
       "blocks"},
      {"stem", "Networks",
       within(&o::encoder, one_of(&nn::resnet_options::stem, {"cifar", "imagenet"})),
       "cifar: 3x3, for small images; imagenet: 7x7 stride 2 and max-pool"},
      {"zero-init-residual", "Networks",
       within(&o::encoder, toggle(&nn::resnet_options::zero_init_residual)),
       "residual blocks start as the identity"},
      {"head", "Networks",
       within(&o::head, wholes(&nn::head_options::projector, 1, 1 << 20, "N,N,...")),
       "output sizes of the projector's layers"},
      {"head-norm", "Networks",
       within(&o::head,
              one_of(&nn::head_options::projector_norm, {"all", "plain", "hidden", "none"})),
       "BatchNorm in the projector: after every layer; the last without scale and shift; not after "
       "the last; nowhere"},
      {"predictor-hidden", "Networks",
       within(&o::head, whole(&nn::head_options::predictor_hidden, {0, 1 << 20})),
       "hidden size of the predictor, 0 = no predictor"},

      {"epochs", "Optimizer", whole(&o::epochs, {1, most_epochs}), "passes over the images"},
      {"batch", "Optimizer", whole(&o::batch, {2, largest_batch}), "images in a step"},
      {"micro-batches", "Optimizer", whole(&o::micro_batches, {1, largest_batch}),
       "parts that a batch is worked off in, by less memory and up to a third more time; each is a "
       "batch to BatchNorm"},
      {"lr", "Optimizer", real(&o::lr, positive), "learning rate; with --resume: from there on"},
      {"lr-changes", "Optimizer", rate_changes(&o::lr_changes),
       "another --lr from step N on, counted from 0; --resume --lr X adds one"},
      {"schedule", "Optimizer", one_of(&o::schedule, {"cosine", "constant"}),
       "of the learning rate"},
      {"predictor-lr", "Optimizer", one_of(&o::predictor_lr, {"cosine", "constant"}),
       "schedule of the predictor; cosine: that of the others"},
      {"warmup-epochs", "Optimizer", whole(&o::warmup_epochs, {0, most_epochs}),
       "epochs of linear warm-up"},
      {"clip-norm", "Optimizer", real(&o::clip_norm, not_negative),
       "largest norm of the gradient, 0 = any"},
      {"optimizer", "Optimizer", name_among(&o::optimizer, optimizers::names),
       "optimizer: " + join(optimizers::names, ", ")},
  };
  add_images(table, "procedural-train");
  return table;
}

/// The method, but for what it says itself.
settings<train_options> method_settings() {
  using o = train_options;
  return {
      {"method", "Method", name_among(&o::method, methods::names),
       "what is learned from: " + join(methods::names, ", ")},
      {"recipe", "Method", one_of(&o::recipe, {"paper", "tuned"}),
       "where all options start: settings shared by all methods, or the method's own recipe"},
      {"variant", "Method", one_of(&o::variant, {"paper", "released"}),
       "mncl: sets all switches between the paper and its authors' code as the one or the other"},
      {"momentum-m", "Method", real(&o::momentum_m, fraction), "of the momentum network"},
      {"momentum-schedule", "Method", one_of(&o::momentum_schedule, {"cosine", "constant"}),
       "of it: rising to 1, or constant"},
      {"grid", "Method", whole(&o::grid, {1, 16}), "patches on a side of an image"},
      {"combine-k", "Method", whole(&o::combine_k, {1, 256}), "patches in a combination"},
      {"combine", "Method", one_of(&o::combine, {"all", "random"}),
       "all combinations, or one at random"},
  };
}

}  // namespace

const settings<train_options>& train_settings() {
  static const settings<train_options> table = [] {
    auto all = run_settings();
    add_described<optimizers>(all, "Optimizer", &train_options::optimizer);
    for (auto& s : method_settings()) all.push_back(std::move(s));
    add_described<methods>(all, "Method", &train_options::method);
    return all;
  }();
  return table;
}

/// The options of training that the cells of a table can have in common.
const settings<train_options>& shared_settings() {
  static const settings<train_options> table = [] {
    constexpr std::string_view others[]{"out",       "seed",      "resume",  "accept-changed-data",
                                        "json",      "overwrite", "dry-run", "print-config",
                                        "max-steps", "dump-step", "dump-at", "lr-changes",
                                        "init",      "report"};
    auto shared = train_settings();
    std::erase_if(shared, [&](const setting<train_options>& s) {
      return std::find(std::begin(others), std::end(others), s.name) != std::end(others);
    });
    return shared;
  }();
  return table;
}

}  // namespace triptych::app
