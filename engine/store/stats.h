// Store::stats(): gathered from the parts that count.
#pragma once

#include "engine/core/state.h"
#include "engine/files/keeper.h"
#include "minikv/store.h"

namespace minikv::engine {

Stats gather_stats(SharedState& state, const Keeper& keeper);

}  // namespace minikv::engine
