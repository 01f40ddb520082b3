// triptych/concepts/rendering_backend.hpp
//
// A backend that makes the views of a batch itself, from images that lie in its memory: what
// crosses to it are the decisions (augment/draw.hpp), not pixels. Elsewhere the loader makes them.
#pragma once

#include <cstddef>
#include <cstdint>

#include <triptych/augment/group_canvas.hpp>
#include <triptych/concepts/backend.hpp>

namespace triptych {

// clang-format off
template <class B>
concept RenderingBackend = Backend<B> && requires(
    B& b, const std::uint8_t* host, std::size_t n, std::uint8_t* pixels,
    const augment::view_batch& batch, typename B::real* x) {
  b.upload_bytes(host, n, pixels);  // n bytes: host -> backend
  // Images in the backend's memory, samples and draws on the host -> views (V n, S, S, 3)
  b.render(batch, x);
};
// clang-format on

}  // namespace triptych
