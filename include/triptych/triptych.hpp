// triptych/triptych.hpp
//
// Everything that needs Eigen alone, in the order in which data flows. Programs that care for build
// time include what they use; files and checkpoints are in triptych/io.hpp.
#pragma once

#include <triptych/version.hpp>  // defines: TRIPTYCH_VERSION_*

#include <triptych/core/arena.hpp>        // defines: stack_arena, buffer
#include <triptych/core/error.hpp>        // defines: error, error_kind
#include <triptych/core/philox.hpp>       // defines: random_stream
#include <triptych/core/tensor.hpp>       // defines: shape, tensor
#include <triptych/core/thread_pool.hpp>  // defines: thread_pool

#include <triptych/backend/cpu/convolution/any.hpp>            // defines: convolution::any
#include <triptych/backend/cpu/convolution/bf16_products.hpp>  // defines: convolution::bf16_products<Block>
#include <triptych/backend/cpu/convolution/direct.hpp>         // defines: convolution::direct
#include <triptych/backend/cpu/convolution/fast.hpp>           // defines: convolution::fast
#include <triptych/backend/cpu/convolution/implicit_gemm.hpp>  // defines: convolution::implicit_gemm
#include <triptych/backend/cpu/convolution/winograd.hpp>       // defines: convolution::winograd<M>
#include <triptych/backend/distributed.hpp>                    // defines: backend::distributed
#include <triptych/backend/eigen.hpp>                          // defines: backend::eigen
#include <triptych/backend/reference.hpp>                      // defines: backend::reference
#include <triptych/concepts/backend.hpp>                       // defines: Backend

#include <triptych/comm/threads.hpp>  // defines: comm::threads, comm::on_threads

#include <triptych/augment/recipe.hpp>  // defines: augment::recipe and its presets
#include <triptych/data/image_set.hpp>  // defines: data::image_set, data::split
#include <triptych/data/loader.hpp>     // defines: data::loader, data::batch
#include <triptych/data/registry.hpp>   // defines: data::load
#include <triptych/data/subset.hpp>     // defines: data::subset, data::draw_share

#include <triptych/nn/architecture.hpp>     // defines: nn::resnet, nn::mlp, nn::architecture
#include <triptych/patches/combinator.hpp>  // defines: patches::whole, patches::grid, patches::choose

#include <triptych/loss/dictionary_info_nce.hpp>  // defines: loss::dictionary_info_nce
#include <triptych/loss/info_nce.hpp>             // defines: loss::info_nce
#include <triptych/loss/negative_cosine.hpp>      // defines: loss::negative_cosine
#include <triptych/loss/nt_xent.hpp>              // defines: loss::nt_xent
#include <triptych/memory/queue.hpp>              // defines: memory::queue

#include <triptych/update/backprop.hpp>       // defines: update::backprop
#include <triptych/update/copy.hpp>           // defines: update::copy
#include <triptych/update/ema.hpp>            // defines: update::ema
#include <triptych/update/optimizer/any.hpp>  // defines: update::optimizer::any and all that it may be

#include <triptych/method/all.hpp>        // defines: method::mncl and every other method
#include <triptych/network/branches.hpp>  // defines: network and its three aliases

#include <triptych/eval/encode.hpp>               // defines: eval::encode
#include <triptych/eval/fine_tuner.hpp>           // defines: eval::fine_tuner
#include <triptych/eval/finetune.hpp>             // defines: eval::finetuning
#include <triptych/eval/knn.hpp>                  // defines: eval::knn
#include <triptych/eval/linear_probe.hpp>         // defines: eval::linear_probe
#include <triptych/eval/logistic_regression.hpp>  // defines: eval::logistic_regression

#include <triptych/train/trainer.hpp>  // defines: train::trainer
