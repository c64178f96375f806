// The steps of a history and their odds, and what is compared after each.
#include "tests/support/sim_random.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "engine/tools/verify.h"

namespace minikv::sim {

RandomHistory::RandomHistory(const Plan& plan)
    : plan_(plan), random_(plan.seed), options_(random_options()), run_(options_) {}

Options RandomHistory::random_options() {
  Options options = sim_options();
  options.segment_size = std::uint64_t{1024} << below(plan_.small ? 2 : 4);
  const Fsync modes[] = {Fsync::kAlways, Fsync::kAlways, Fsync::kInterval, Fsync::kNever};
  if (plan_.recycles) options.segment_size = 16 * 1024;
  options.fsync = plan_.all_modes && !plan_.recycles ? modes[below(4)] : Fsync::kAlways;
  options.accept_data_loss = chance(4);  // nothing is damaged: it must make no difference
  if (plan_.recycles) return options;
  options.compaction_threshold = static_cast<std::uint32_t>(1 + below(4));
  return options;
}

std::string RandomHistory::run() {
  if (std::string problem = open(); !problem.empty()) return "first " + problem;
  for (int i = 0; i < plan_.steps; ++i) {
    std::string problem = step();
    if (problem.empty() && chance(5)) problem = run_.check();
    if (!problem.empty()) return fmt::format("step {} ({}): {}", i, what_, problem);
  }
  const std::string problem = run_.check();
  return problem.empty() ? problem : "the end: " + problem;
}

std::string RandomHistory::random_key() {
  if (plan_.small) return std::string(1, static_cast<char>('a' + below(5)));
  if (chance(20)) return "";
  return std::string(1 + below(2), static_cast<char>('a' + below(3))) + std::to_string(below(8));
}

std::string RandomHistory::random_value() {
  const std::size_t sizes[] = {0, 5, 40, 300, 511, 1200, 6000};
  if (plan_.recycles) return std::string(sizes[3 + below(4)], static_cast<char>('A' + below(26)));
  const std::size_t choices = plan_.small ? 4 : chance(4) ? 7 : 4;
  return std::string(sizes[below(choices)], static_cast<char>('A' + below(26)));
}

std::int64_t RandomHistory::random_expiry() {
  if (!chance(4)) return kNoExpiry;
  return run_.store()->now_ms() + 1 + static_cast<std::int64_t>(below(4000));
}

ModelBatch RandomHistory::random_batch() {
  ModelBatch batch;
  const std::size_t count = chance(4) ? 1 + below(6) : 1;
  for (std::size_t i = 0; i < count; ++i) {
    ModelChange change{.key = random_key()};
    switch (below(8)) {
      case 0:
      case 1: break;  // a deletion
      case 2:
        change.kind = ModelChange::Kind::kSetExpiry;
        change.expiry_ms = random_expiry();
        break;
      default: change.value = random_value(); change.expiry_ms = random_expiry();
    }
    batch.push_back(std::move(change));
  }
  return batch;
}

// Not in a group of several: a range delete ends its group, and the model takes a group for one frame.
void RandomHistory::add_range_delete(ModelBatch& batch) {
  ModelChange range{.key = chance(6) ? "" : random_key(), .kind = ModelChange::Kind::kRangeDelete};
  if (!chance(4)) {
    range.to = random_key();
    if (range.to <= range.key) range.to = range.key + "5";
  }
  batch.insert(batch.begin() + static_cast<std::ptrdiff_t>(below(batch.size() + 1)), std::move(range));
}

std::string RandomHistory::step() {
  ++operations_;
  switch (below(24)) {
    case 0: return compact();
    case 1: return reopen();
    case 2: return plan_.crashes ? kill() : write();
    case 3: return plan_.crashes ? cut_power() : write();
    case 4: return scan();
    case 5: return wait();
    default: return write();
  }
}

std::string RandomHistory::write() {
  std::vector<ModelBatch> group(chance(6) ? 1 + below(4) : 1);
  std::size_t changes = 0;
  bool puts = false;
  for (ModelBatch& batch : group) {
    batch = random_batch();
    changes += batch.size();
    puts |=
        std::any_of(batch.begin(), batch.end(), [](const auto& change) { return change.value.has_value(); });
  }
  if (group.size() == 1 && chance(12)) {
    add_range_delete(group.front());
    if (chance(6)) add_range_delete(group.front());
  }
  what_ = fmt::format("a group of {}, {} changes", group.size(), changes);
  operations_ += changes;
  const std::uint64_t before = run_.last_version();
  for (const Status& status : run_.write_group(group)) {
    if (!status) return status.message();
  }
  if (puts && run_.last_version() <= before) return "a version that was given before";
  for (const ModelBatch& batch : group) {
    for (const ModelChange& change : batch) {
      if (change.kind == ModelChange::Kind::kRangeDelete) continue;
      const auto seen = run_.store()->get(change.key);
      const auto expected = run_.history().contents().find(change.key);
      const bool is_there = expected != run_.history().contents().end() &&
                            !expected->second.has_expired(run_.store()->now_ms());
      if (seen.is_ok() != is_there) return "wrongly there or not: " + change.key;
      if (is_there && Item{seen->data, seen->version, seen->expiry_ms} != expected->second) {
        return "not read back: " + change.key;
      }
    }
  }
  return {};
}

std::string RandomHistory::wait() {
  what_ = "time goes by";
  run_.clock().advance_ms(static_cast<std::int64_t>(below(1500)));
  return {};
}

std::string RandomHistory::compact() {
  what_ = "compact";
  if (const Status status = run_.compact(); !status) return status.message();
  return run_.check();
}

std::string RandomHistory::open() {
  const Status opened = run_.open();
  return opened ? "" : "open: " + opened.message();
}

// What no bit was flipped in is no damage, however the store ended.
std::string RandomHistory::verify() {
  const auto verified = engine::verify_store(run_.file_system(), kStoreDirectory, {});
  if (!verified) return "verify: " + verified.status().message();
  for (const engine::Finding& finding : verified->findings)
    if (finding.is_damage()) return fmt::format("verify: {}: {}", finding.file, finding.what);
  return {};
}

std::string RandomHistory::reopen() {
  what_ = "close and open";
  if (const Status closed = run_.close(); !closed) return "close: " + closed.message();
  if (std::string problem = verify(); !problem.empty()) return problem;
  if (std::string problem = open(); !problem.empty()) return problem;
  return run_.check();
}

std::string RandomHistory::kill() {
  what_ = "kill";
  run_.kill();
  if (std::string problem = verify(); !problem.empty()) return problem;
  if (std::string problem = open(); !problem.empty()) return problem;
  return run_.check();
}

std::string RandomHistory::cut_power() {
  const CrashMode modes[] = {CrashMode::kDropAll, CrashMode::kRandom, CrashMode::kTearLast};
  const CrashMode mode = modes[below(3)];
  what_ = fmt::format("power cut, mode {}", static_cast<int>(mode));
  run_.cut_power(mode, random_());
  if (std::string problem = verify(); !problem.empty()) return problem;
  if (std::string problem = open(); !problem.empty()) return problem;
  return run_.settle(options_.fsync == Fsync::kAlways ? run_.history().allowed()
                                                      : run_.history().allowed_prefixes(0));
}

std::string RandomHistory::scan() {
  what_ = "scan";
  ScanOptions options;
  options.from = chance(2) ? "" : random_key();
  if (chance(2)) options.to = random_key();
  if (chance(3)) options.prefix = random_key().substr(0, 1);
  options.reverse = chance(2);
  options.limit = 1 + below(10);
  std::vector<std::string> expected;
  for (const auto& [key, item] : run_.history().contents()) {
    if (key >= options.from && (!options.to || key < *options.to) && key.starts_with(options.prefix) &&
        !item.has_expired(run_.store()->now_ms())) {
      expected.push_back(key);
    }
  }
  if (options.reverse) std::reverse(expected.begin(), expected.end());
  const bool more = expected.size() > options.limit;
  expected.resize(std::min(expected.size(), options.limit));
  const ScanPage page = run_.store()->scan(options);
  std::vector<std::string> seen;
  for (const ScanItem& item : page.items) seen.push_back(item.key);
  if (seen != expected) return "other keys";
  return page.more == more || expected.size() < options.limit ? "" : "says wrongly whether there are more";
}

}  // namespace minikv::sim
