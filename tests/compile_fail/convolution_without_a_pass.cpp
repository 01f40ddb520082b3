// expect: eigen takes an algorithm of convolution and computes in float
#include <triptych/backend/eigen.hpp>

/// As triptych::convolution::direct, but for the weights.
struct without_weights {
  static void forward(triptych::thread_pool&, triptych::stack_arena<>&,
                      const triptych::convolution::geometry&, const float*, const float*, float*);
  static void backward_data(triptych::thread_pool&, triptych::stack_arena<>&,
                            const triptych::convolution::geometry&, const float*, const float*,
                            float*, bool);
};

triptych::backend::eigen<without_weights> backend;
