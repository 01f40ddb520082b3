#include <triptych/train/host_tensor.hpp>

#include <numeric>
#include <string>
#include <vector>

#include <triptych/backend/reference.hpp>

#include "support/catch.hpp"

using namespace triptych;

TEST_CASE("an arena comes back from the host as it went") {
  backend::reference<float> b;
  nn::parameter_list list;
  list.add({"conv.weight", {2, 3, 2, 2}});
  list.add({"fc.weight", {3, 5}});
  list.add({"fc.bias", {3}});
  std::vector<float> arena(list.size(), 0);
  for (const auto& p : list) {
    for (std::size_t i = 0; i < p.size(); ++i)
      arena[p.offset + i] = static_cast<float>(p.offset + i);
  }
  const auto tensors =
      train::download<backend::reference<float>>(b, {"net.", &list, arena.data()}, "before/");
  REQUIRE(tensors.size() == 3);
  CHECK(tensors[0].name == "before/net.conv.weight");
  CHECK(tensors[0].shape == std::vector<std::int64_t>{2, 3, 2, 2});
  CHECK(tensors[0].values[1] == 6);  // the next column: six numbers on, (kh, kw, in, out) here
  CHECK(tensors[1].values[1] == arena[33]);
  CHECK(tensors[2].source().shape == io::tensor_shape{3});

  std::vector<float> again(list.size(), -1);
  train::upload(b, method::named_arena<float>{"net.", &list, again.data()},
                [&](const std::string& name) {
                  for (const auto& t : tensors) {
                    if (t.name == "before/" + name) return t.values;
                  }
                  return std::vector<float>();
                });
  CHECK(again == arena);
}
