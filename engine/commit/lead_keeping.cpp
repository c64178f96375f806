// What is recorded and logged of the lead of engine time.
#include "engine/commit/lead_keeping.h"

namespace minikv::engine {
namespace {

double in_seconds(std::int64_t ms) { return static_cast<double>(ms) / 1000; }

}  // namespace

LeadKeeping::LeadKeeping(StoreContext& context, Keeper& keeper)
    : context_(context), keeper_(keeper), told_(keeper.manifest().lead()), seen_(context.clock.changes()) {
  const StoreTime now = context_.clock.now();
  if (!told_.lead.exists()) return;
  context_.log.warn(
      "{}: engine time is {:.1f} s ahead of this machine's clock, which was ahead once; it goes 1 % slower "
      "until the clock has caught up, in {:.0f} s",
      context_.directory, in_seconds(now.ahead_ms()), in_seconds(told_.lead.ends_ms() - now.wall_ms));
}

std::optional<std::int64_t> LeadKeeping::due_in_ms() {
  return context_.clock.changes() == seen_ ? std::nullopt : std::optional<std::int64_t>(0);
}

void LeadKeeping::run_slice() {
  seen_ = context_.clock.changes();
  const LeadRecord record = context_.clock.record(told_);
  if (record == told_) return;
  const LeadRecord before = told_;
  told_ = record;
  tell(before);
  keeper_.note_time();
}

void LeadKeeping::tell(const LeadRecord& before) const {
  const StoreTime now = context_.clock.now();
  const double ahead = in_seconds(now.ahead_ms());
  if (!told_.lead.exists()) {
    context_.log.info("{}: the clock has caught up with engine time", context_.directory);
  } else if (before.lead.exists()) {
    context_.log.warn("{}: the clock was set: engine time is {:.1f} s ahead of it now", context_.directory,
                      ahead);
  } else {
    context_.log.warn(
        "{}: the clock was set back: engine time is {:.1f} s ahead of it, and goes 1 % slower until it has "
        "caught up, in {:.0f} s. Times that clients name are converted. Versions of minikv that don't know "
        "of this refuse the store until then (\"minikvd repair\" writes one that they open)",
        context_.directory, ahead, in_seconds(told_.lead.ends_ms() - now.wall_ms));
  }
}

}  // namespace minikv::engine
