// triptych/core/array_of.hpp
//
// Arrays whose extents are template parameters of type int, as everything is that counts lanes,
// pixels and the like. An extent is a std::size_t, and g++ warns (-Wsign-conversion) where an int
// that depends on a template is written there.
#pragma once

#include <cstddef>

#include <triptych/config.hpp>

namespace triptych {

/// T[N]
template <class T, int N>
using array_of = T[std::size_t{N}];

/// T[Rows][Columns]
template <class T, int Rows, int Columns>
using matrix_of = array_of<array_of<T, Columns>, Rows>;

}  // namespace triptych
