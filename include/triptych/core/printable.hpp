// triptych/core/printable.hpp
//
// Text that may come from anywhere, made fit for a person to read on a terminal.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <triptych/config.hpp>

namespace triptych {

/// Length (1 to 4) of the valid UTF-8 sequence that begins at `text[at]`, or 0 if none does.
std::size_t utf8_length(std::string_view text, std::size_t at) noexcept;

bool is_utf8(std::string_view text) noexcept;

namespace detail {

/// The UTF-8 sequence `character`, escaped as in JSON if it is a control character (C0, DEL or C1: a
/// terminal may obey any of them), breaks a line, or turns the direction of text (so that a name
/// shows as another).
std::string without_control(std::string_view character);

}  // namespace detail

/// `text` as one line that a terminal shows and does not obey: a control character becomes its
/// escape in JSON, a byte that is not UTF-8 a backslash, x and two digits, and all else stays.
std::string printable(std::string_view text);

/// `text` for a sentence about it: printable, and cut after 200 bytes.
std::string shortened(std::string_view text);

/// `'text'`, shortened.
std::string in_quotes(std::string_view text);

}  // namespace triptych

#ifndef TRIPTYCH_COMPILED
#include <triptych/core/printable_inl.hpp>
#endif
