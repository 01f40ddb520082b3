// Layers against PyTorch's, in double (tests/golden/layers.py).
#include <string>
#include <vector>

#include <triptych/nn/batch_norm.hpp>
#include <triptych/nn/conv2d.hpp>
#include <triptych/nn/linear.hpp>

#include "nn/workbench.hpp"
#include "support/golden.hpp"

using namespace triptych;
using namespace triptych::test;

namespace {

/// Puts PyTorch's numbers of a tensor into the arena.
void set(workbench& w, const std::string& name, const numbers& torch) {
  for (const auto& list : {&w.d.weights, &w.d.statistics}) {
    numbers& arena = list == &w.d.weights ? w.weights : w.statistics;
    for (const auto& p : *list) {
      if (p.name != name) continue;
      nn::in_torch_order(
          p, [&](std::size_t from, std::size_t to) { arena[p.offset + to] = torch.at(from); });
    }
  }
}

/// A tensor of an arena in PyTorch's order.
numbers get(const nn::parameter_list& list, const numbers& arena, const std::string& name) {
  for (const auto& p : list) {
    if (p.name != name) continue;
    numbers torch(p.size());
    nn::in_torch_order(
        p, [&](std::size_t to, std::size_t from) { torch[to] = arena[p.offset + from]; });
    return torch;
  }
  return {};
}

}  // namespace

TEST_CASE("convolutions agree with PyTorch's") {
  const std::string name = GENERATE("conv3x3_s1", "conv3x3_s2", "conv3x3_s2_even",
                                    "conv3x3_s2_one_pixel", "conv1x1_s2", "conv7x7_s2");
  INFO(name);
  const golden_layers g(name);
  const shape in = g.extents("input"), out = g.extents("output");
  nn::conv2d layer{in.channels, out.channels, g.option<int>("kernel"), g.option<int>("stride"),
                   g.option<int>("padding")};
  REQUIRE(layer.output(in) == out);
  workbench w([&](nn::declaration& d) { layer.declare(d, "conv"); });
  set(w, "conv.weight", g.raw("weight"));
  const numbers x = g.rows("input"), dy = g.rows("grad_output");
  numbers y(out.size()), dx(in.size());
  layer.forward(w.recording(), {in, x.data()}, {out, y.data()});
  layer.backward(w.recording(), {out, dy.data()}, dx.data());
  check_close(y, g.rows("output"));
  check_close(dx, g.rows("grad_input"));
  check_close(get(w.d.weights, w.gradients, "conv.weight"), g.raw("grad_weight"));
}

TEST_CASE("batch norm in groups agrees with PyTorch's, group after group") {
  const std::string name = GENERATE("batch_norm", "batch_norm_rows");
  INFO(name);
  const golden_layers g(name);
  shape s = g.extents("input");
  s.groups = g.option<int>("groups");
  nn::batch_norm layer{.channels = s.channels};
  workbench w([&](nn::declaration& d) { layer.declare(d, "bn"); });
  set(w, "bn.weight", g.raw("weight"));
  set(w, "bn.bias", g.raw("bias"));
  set(w, "bn.running_mean", g.raw("running_mean_before"));
  set(w, "bn.running_var", g.raw("running_var_before"));
  numbers x = g.rows("input"), y(s.size()), dy = g.rows("grad_output");
  layer.forward(w.recording(), {s, x.data()}, nullptr, false, {s, y.data()});
  check_close(y, g.rows("output"));
  check_close(get(w.d.statistics, w.statistics, "bn.running_mean"), g.raw("running_mean_after"));
  check_close(get(w.d.statistics, w.statistics, "bn.running_var"), g.raw("running_var_after"));
  (void)layer.backward(w.recording(), tensor<double>{s, dy.data()});
  check_close(x, g.rows("grad_input"));  // in x's place
  check_close(get(w.d.weights, w.gradients, "bn.weight"), g.raw("grad_weight"));
  check_close(get(w.d.weights, w.gradients, "bn.bias"), g.raw("grad_bias"));
}

TEST_CASE("linear agrees with PyTorch's") {
  const golden_layers g("linear");
  const shape in = g.extents("input"), out = g.extents("output");
  nn::linear layer{in.channels, out.channels};
  workbench w([&](nn::declaration& d) { layer.declare(d, "fc"); });
  set(w, "fc.weight", g.raw("weight"));
  set(w, "fc.bias", g.raw("bias"));
  const numbers x = g.raw("input");
  numbers y(out.size()), dy = g.raw("grad_output"), dx(in.size());
  layer.forward(w.recording(), {in, x.data()}, false, {out, y.data()});
  layer.backward(w.recording(), {out, dy.data()}, dx.data());
  check_close(y, g.raw("output"));
  check_close(dx, g.raw("grad_input"));
  check_close(get(w.d.weights, w.gradients, "fc.weight"), g.raw("grad_weight"));
  check_close(get(w.d.weights, w.gradients, "fc.bias"), g.raw("grad_bias"));
}

TEST_CASE("pooling agrees with PyTorch's") {
  oracle b;
  const golden_layers most("max_pool"), mean("average_pool");
  const shape in = most.extents("input"), out = most.extents("output");
  const numbers x = most.rows("input"), dy = most.rows("grad_output");
  numbers y(out.size()), dx(in.size());
  std::vector<int> argmax(y.size());
  b.max_pool_forward(in, 3, 2, 1, x.data(), y.data(), argmax.data());
  b.max_pool_backward(in, out.height, out.width, dy.data(), argmax.data(), dx.data());
  check_close(y, most.rows("output"));
  check_close(dx, most.rows("grad_input"));

  const shape maps = mean.extents("input");
  const numbers m = mean.rows("input"), dh = mean.raw("grad_output");
  numbers h(dh.size()), dm(m.size());
  b.average_pool_forward(maps, m.data(), h.data());
  b.average_pool_backward(maps, dh.data(), dm.data());
  check_close(h, mean.raw("output"));
  check_close(dm, mean.rows("grad_input"));
}

TEST_CASE("the slope of relu at zero is PyTorch's: none") {
  const golden_layers g("relu");
  const shape s = g.extents("input");
  oracle b;
  const numbers none(static_cast<std::size_t>(s.channels), 0);
  numbers y = g.raw("input"), dy = g.raw("grad_output"), dbias(none.size());
  b.bias_forward(s.images, s.channels, none.data(), true, y.data());
  b.bias_backward(s.images, s.channels, y.data(), dy.data(), dbias.data());
  check_close(y, g.raw("output"));
  check_close(dy, g.raw("grad_input"));
}
