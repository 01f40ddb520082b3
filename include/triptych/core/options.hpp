// triptych/core/options.hpp
//
// How a struct of options describes itself: it lists its fields once, with name, limits and help,
// and every program that offers them to its users follows.
//
//   struct nnclr_options {
//     double temperature = 1.0;
//     std::int64_t queue = 16384;
//
//     template <class Visit>
//     static void describe(Visit&& option) {
//       option("temperature", &nnclr_options::temperature, allowed::positive, "of the loss");
//       option("queue", &nnclr_options::queue, allowed::at_least(1),
//              "projections in the queue");
//     }
//   };
//
// A field is a real number with its limits, a whole number with its range, a bool, or an
// enumeration with a word for each of its values, in their order.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string_view>
#include <type_traits>

#include <triptych/config.hpp>

namespace triptych::allowed {

/// A real number's limits; `above` and `below` exclude the limit itself.
struct limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool above = false, below = false;
};
inline constexpr limits positive{.low = 0, .above = true};
inline constexpr limits not_negative{.low = 0};
inline constexpr limits fraction{.low = 0, .high = 1};
inline constexpr limits below_one{.low = 0, .high = 1, .below = true};

/// A whole number's range, both ends included.
struct range {
  std::int64_t low, high = std::numeric_limits<std::int64_t>::max();
};
constexpr range at_least(std::int64_t low) { return {low}; }

}  // namespace triptych::allowed

namespace triptych {

/// A setting's value as text: what recipes are made of.
struct preset_value {
  std::string_view option, value;
};

namespace detail {

/// Takes whatever a field may be described by.
template <class Options>
struct any_field {
  void operator()(std::string_view, double Options::*, const allowed::limits&, std::string_view) {}
  template <std::integral Whole>
  void operator()(std::string_view, Whole Options::*, const allowed::range&, std::string_view) {}
  void operator()(std::string_view, bool Options::*, std::string_view) {}
  template <class Enum>
  requires std::is_enum_v<Enum>
  void operator()(std::string_view, Enum Options::*, std::initializer_list<std::string_view>,
                  std::string_view) {}
};

}  // namespace detail

/// Options that list their fields.
template <class Options>
concept DescribedOptions = std::default_initializable<Options> &&
    requires(detail::any_field<Options>& visit) {
  Options::describe(visit);
};

}  // namespace triptych
