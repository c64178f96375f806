// Changes that are not synced yet, sector by sector, and the choice of those that a crash leaves.
#include "tests/support/sim_inode.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace minikv::sim {
namespace {

// Calls visit(sector, piece_offset, piece) for the part of the write in each sector.
template <typename Visit>
void for_each_sector(std::uint64_t offset, std::string_view bytes, Visit visit) {
  while (!bytes.empty()) {
    const std::size_t count = std::min<std::size_t>(bytes.size(), kSectorBytes - offset % kSectorBytes);
    visit(offset / kSectorBytes, offset, bytes.substr(0, count));
    bytes.remove_prefix(count);
    offset += count;
  }
}

}  // namespace

void SimInode::write(std::uint64_t offset, std::string_view bytes, std::uint64_t change_number) {
  if (bytes.empty()) return;
  auto change = std::make_shared<Change>();
  *change = {change_number, offset, std::string(bytes), live_.size(),
             std::max(live_.size(), offset + bytes.size())};
  apply(*change, live_);
  pending_.push_back(std::move(change));
}

void SimInode::truncate(std::uint64_t size, std::uint64_t change_number) {
  auto change = std::make_shared<Change>();
  *change = {change_number, 0, {}, live_.size(), size};
  apply(*change, live_);
  pending_.push_back(std::move(change));
}

void SimInode::apply(const Change& change, SimContent& content) {
  if (change.is_truncation()) {
    content.resize(change.size_after);
  } else {
    content.write(change.offset, change.bytes);
  }
}

void SimInode::sync() {
  if (failed_ == 0) {
    durable_ = live_;
    pending_.clear();
    return;
  }
  // Only sectors that were written after the failure are written now, and those in full.
  std::set<std::uint64_t> written;
  for (std::size_t i = failed_; i < pending_.size(); ++i) {
    for_each_sector(pending_[i]->offset, pending_[i]->bytes,
                    [&](auto sector, auto, auto) { written.insert(sector); });
  }
  durable_.resize(live_.size());
  for (const std::uint64_t sector : written) {
    const std::uint64_t offset = sector * kSectorBytes;
    if (offset < live_.size()) durable_.write(offset, live_.slice(offset, kSectorBytes));
  }
  Changes rest;
  for (std::size_t i = 0; i < failed_; ++i) {
    for_each_sector(pending_[i]->offset, pending_[i]->bytes, [&](auto sector, auto offset, auto piece) {
      if (written.contains(sector) || offset + piece.size() > live_.size()) return;
      auto change = std::make_shared<Change>();
      *change = {pending_[i]->number, offset, std::string(piece), live_.size(), live_.size()};
      rest.push_back(std::move(change));
    });
  }
  pending_ = std::move(rest);
  failed_ = pending_.size();
}

void SimInode::drop_cache() {
  if (failed_ == 0) return;
  const std::uint64_t size = live_.size();
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(failed_));
  failed_ = 0;
  live_ = durable_;
  for (const auto& change : pending_) apply(*change, live_);
  live_.resize(size);
}

void SimInode::reset(SimContent content) {
  live_ = content;
  durable_ = std::move(content);
  pending_.clear();
  failed_ = 0;
}

// Also tells up to which change the sizes survive: truncations behind it have not happened.
std::uint64_t SimInode::choose_size(CrashPlan& plan, std::uint64_t& last_sized_change) const {
  std::vector<const Change*> events;
  for (const auto& change : pending_) {
    if (change->size_after != change->size_before) events.push_back(change.get());
  }
  std::size_t kept = events.size();
  bool next_in_part = false;
  if (plan.mode == CrashMode::kDropAll) kept = 0;
  if (plan.mode == CrashMode::kRandom) {
    kept = plan.choose_up_to(events.size());
    next_in_part = plan.random() % 4 == 0;
  }
  if (plan.mode == CrashMode::kTearLast && !events.empty() && events.back()->number == plan.last_change) {
    --kept;
    next_in_part = plan.random() % 2 == 0;
  }
  last_sized_change = kept == events.size() ? std::numeric_limits<std::uint64_t>::max()
                      : kept == 0           ? 0
                                            : events[kept - 1]->number;
  const std::uint64_t size = kept == 0 ? durable_.size() : events[kept - 1]->size_after;
  if (!next_in_part || kept == events.size() || events[kept]->size_after <= size) return size;
  const std::uint64_t sectors = (events[kept]->size_after - size) / kSectorBytes;
  return size + plan.choose_up_to(sectors) * kSectorBytes;
}

SimContent SimInode::after_crash(CrashPlan& plan) const {
  if (pending_.empty()) return durable_;
  if (plan.mode == CrashMode::kKeepAll) return live_;

  std::uint64_t last_sized_change = 0;
  const std::uint64_t size = choose_size(plan, last_sized_change);
  if (plan.mode == CrashMode::kDropAll) return durable_;

  // How many of its changes each sector has seen.
  std::map<std::uint64_t, std::size_t> survivors;
  for (const auto& change : pending_) {
    for_each_sector(change->offset, change->bytes, [&](auto sector, auto, auto) { ++survivors[sector]; });
  }
  if (plan.mode == CrashMode::kRandom) {
    for (auto& [sector, count] : survivors) {
      if (!plan.keeps()) count = plan.choose_up_to(count - 1);
    }
  } else if (const Change& last = *pending_.back(); last.number == plan.last_change) {
    const std::uint64_t first = last.offset / kSectorBytes;
    const std::uint64_t sectors = (last.offset + last.bytes.size() + kSectorBytes - 1) / kSectorBytes - first;
    const std::uint64_t cut = first + plan.choose_up_to(sectors);
    for_each_sector(last.offset, last.bytes, [&](auto sector, auto, auto) {
      if (sector >= cut) --survivors[sector];
    });
  }

  SimContent content = durable_;
  for (const auto& change : pending_) {
    if (change->is_truncation()) {
      if (change->number <= last_sized_change) content.resize(change->size_after);
      continue;
    }
    for_each_sector(change->offset, change->bytes, [&](auto sector, auto offset, auto piece) {
      if (survivors[sector] == 0) return;
      --survivors[sector];
      content.write(offset, piece);
    });
  }
  content.resize(size);
  return content;
}

}  // namespace minikv::sim
