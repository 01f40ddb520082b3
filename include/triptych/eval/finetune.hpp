// triptych/eval/finetune.hpp
//
// Fine-tuning of a trained encoder on labeled images: epochs of augmented batches for
// fine_tuner.hpp, and the end of training once the held-out images stop getting better.
//
//   finetuning work(encoder, images.train, options, pool);
//   while (!work.done()) work.run_epoch(watch);
//   work.evaluate(images.test);                       the best epoch, once
//
// A share of every class of the training images is held out. No other images choose anything.
// Cost of an epoch: 3 encoder forwards an image, and one for each image that is held out.
#pragma once

#include <algorithm>

#include <cstdint>
#include <optional>

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <triptych/augment/recipe.hpp>
#include <triptych/core/error.hpp>
#include <triptych/core/thread_pool.hpp>
#include <triptych/data/image_set.hpp>
#include <triptych/data/loader.hpp>
#include <triptych/data/subset.hpp>
#include <triptych/eval/classify.hpp>
#include <triptych/eval/fine_tuner.hpp>

namespace triptych::eval {

/// The defaults suit small encoders. Measured on 509 labeled CIFAR-10 images, two seeds: a quarter of
/// the backbone rate loses 2.5 points of test top-1, a quarter of the head rate 3.4. Few held-out
/// images tell epochs apart by luck: a patience of 10 ended runs while the rates were still high.
struct finetune_options {
  int epochs = 50;
  int batch = 128;     ///< of fewer training images: all of them
  int image_size = 0;  ///< side of a view; 0: the images' height
  double backbone_rate = 0.02, head_rate = 0.2;
  double weight_decay = 1e-4;  ///< on all parameters
  double held_out = 0.1;       ///< share of the training images; 0: none, the last epoch counts
  int patience = 20;           ///< epochs without a better one before the end; 0: never
  std::uint64_t seed = 0;
  int loader_threads = 1;  ///< more than one where images are decoded as needed
};

/// What can be told after a step.
struct finetune_status {
  int epoch = 0;                               ///< from 1
  std::int64_t step = 0, steps_per_epoch = 0;  ///< steps of this epoch that are done
  double loss = 0;                             ///< of this step's batch
  accuracy held_out{};                         ///< after the epoch before
};

template <Backend B, class Encoder = nn::resnet>
class finetuning {
 public:
  using tuner_type = fine_tuner<B, Encoder>;

  /// Copies the encoder of `trained`; learns from the images of `train` that have a label. `train`
  /// and `pool` must outlive it. Throws error::usage for impossible options, error::data where there
  /// are fewer than two images to learn from.
  template <class Network>
  finetuning(Network& trained, const data::image_set& train, const finetune_options& options,
             thread_pool& pool)
      : finetuning(trained, train, options, pool, parts_of(train, options)) {}

  finetuning(const finetuning&) = delete;
  finetuning& operator=(const finetuning&) = delete;

  /// Whether all epochs have ended, or the last `patience` ones were no better.
  [[nodiscard]] bool done() const {
    const auto& p = tuner_.state_progress();
    const bool tired = options_.patience > 0 && held_out_.size() > 0 &&
                       p.epochs - p.best_epoch >= options_.patience;
    return p.epochs >= options_.epochs || tired;
  }

  /// The next epoch. After each step watch(finetune_status) says whether to go on; false: it does
  /// not, and the epoch has not ended: what is to go on later begins with the state of an epoch's
  /// end. Throws error::non_finite as fine_tuner::step, and error::usage where done() is true.
  template <class Watch>
  bool run_epoch(const Watch& watch) {
    if (done()) throw error::usage("fine-tuning is done; evaluate it, or begin another one");
    const auto& p = tuner_.state_progress();
    if (p.step != p.epochs * steps_per_epoch()) {
      throw error::usage("fine-tuning was stopped within epoch " + std::to_string(p.epochs + 1) +
                         "; restore the state of an epoch's end, or begin anew");
    }
    if (!loader_ || loader_epoch_ != p.epochs) start_loader(p.epochs);
    for (std::int64_t s = 0; s < steps_per_epoch(); ++s) {
      const data::batch& b = loader_->next();
      const double loss = tuner_.step(b.images, size_, b.labels);
      if (!watch(finetune_status{p.epochs + 1, s + 1, steps_per_epoch(), loss, p.last.accuracy})) {
        loader_.reset();
        return false;
      }
    }
    ++loader_epoch_;
    if (held_out_.size() > 0) {
      tuner_.end_epoch(held_out_, size_, pool_);
    } else {
      tuner_.end_epoch();
    }
    return true;
  }

  /// The best epoch, by the held-out images, on other images.
  [[nodiscard]] classification evaluate(const data::image_set& set) {
    return tuner_.evaluate(set, size_, pool_);
  }

  [[nodiscard]] std::int64_t steps_per_epoch() const { return train_.size() / batch_; }
  [[nodiscard]] int batch() const { return batch_; }
  [[nodiscard]] std::int64_t train_images() const { return train_.size(); }
  [[nodiscard]] std::int64_t held_out_images() const { return held_out_.size(); }

  /// Holds all of the state: see fine_tuner::arenas. It is to be saved and restored between epochs.
  [[nodiscard]] tuner_type& tuner() { return tuner_; }
  [[nodiscard]] const tuner_type& tuner() const { return tuner_; }

 private:
  template <class Network>
  finetuning(Network& trained, const data::image_set& train, const finetune_options& options,
             thread_pool& pool, data::drawn_share parts)
      : options_(options), pool_(pool), train_(data::subset(train, std::move(parts.drawn))),
        held_out_(data::subset(train, std::move(parts.rest))),
        size_(options.image_size > 0 ? options.image_size : train.height),
        batch_(static_cast<int>(std::min<std::int64_t>(options.batch, train_.size()))),
        tuner_(trained, train.classes,
               {.steps = options.epochs * steps_per_epoch(),
                .backbone_rate = options.backbone_rate,
                .head_rate = options.head_rate,
                .optimizer = {.weight_decay = options.weight_decay}},
               options.seed) {}

  /// The images to learn from, and those held out.
  static data::drawn_share parts_of(const data::image_set& train, const finetune_options& o) {
    const auto refuse = [](const std::string& what) { throw error::usage("fine-tuning: " + what); };
    if (o.epochs < 1) refuse(std::to_string(o.epochs) + " epochs; give at least one");
    if (o.batch < 2) {
      refuse("a batch of " + std::to_string(o.batch) +
             " images cannot be normalized; give `batch` 2 or more");
    }
    if (!(o.held_out >= 0 && o.held_out < 1)) {
      refuse("the share of held-out images is " + std::to_string(o.held_out) +
             "; give one from 0 to below 1");
    }
    if (o.patience < 0) {
      refuse("the patience is " + std::to_string(o.patience) + " epochs; give 0 or more");
    }
    if (!(o.weight_decay >= 0)) {
      refuse("the weight decay is " + std::to_string(o.weight_decay) + "; give 0 or more");
    }
    if (o.image_size < 0 || (o.image_size == 0 && train.height == 0)) {
      refuse("the images of the set " + train.name +
             " have no size in common; give the side of a view as `image-size`");
    }
    auto parts = data::draw_share(train.labels, 1 - o.held_out, o.seed);
    if (parts.drawn.size() < 2) {
      throw error::data("fine-tuning: the set " + train.name + " has " +
                        std::to_string(parts.drawn.size()) +
                        " labeled images to learn from; take at least two");
    }
    return parts;
  }

  void start_loader(int epoch) {
    loader_.reset();  // its thread ends before another one begins
    loader_.emplace(train_, data::loader_options{.recipes = {augment::recipes::linear},
                                                 .batch_size = batch_,
                                                 .image_size = size_,
                                                 .seed = options_.seed,
                                                 .start = {epoch, 0},
                                                 .threads = options_.loader_threads});
    loader_epoch_ = epoch;
  }

  finetune_options options_;
  thread_pool& pool_;
  data::image_set train_, held_out_;
  int size_, batch_;
  tuner_type tuner_;
  std::optional<data::loader> loader_;  ///< looks at train_
  int loader_epoch_ = 0;                ///< that its next batch begins
};

template <class Network>
finetuning(Network&, const data::image_set&, const finetune_options&, thread_pool&)
    -> finetuning<typename Network::backend_type,
                  std::remove_cvref_t<decltype(std::declval<Network&>().architecture().encoder)>>;

}  // namespace triptych::eval
