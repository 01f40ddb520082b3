// Which images a run was trained on, as its files say it.
#include <triptych/train/data_identity.hpp>

#include "fuzz/fuzz.hpp"

using namespace triptych;

FUZZ(input) {
  fuzz::takes({error_kind::checkpoint}, [&] {
    const auto identity = train::read_identity(fuzz::text_of(input), "data.json");
    const auto again = train::read_identity(train::to_json(identity), "data.json");
    fuzz::require(train::differences(identity, again).empty(), "what is written is read");
    fuzz::require(identity.constants.mean == again.constants.mean &&
                      identity.constants.deviation == again.constants.deviation,
                  "the same constants");
  });
}
