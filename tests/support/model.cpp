// Applies batches to a map, and lists what a store may hold where an answer is in doubt.
#include "tests/support/model.h"

#include <algorithm>

#include <fmt/format.h>

namespace minikv::sim {
namespace {

Result<Contents> scan_all(const Store& store, bool reverse) {
  Contents contents;
  ScanOptions options;
  options.limit = 7;
  options.reverse = reverse;
  std::string last;
  for (;;) {
    const ScanPage page = store.scan(options);
    for (const ScanItem& item : page.items) {
      if (!item.status) return item.status.with_context("scan of " + item.key);
      if (!contents.empty() && (reverse ? item.key >= last : item.key <= last)) {
        return Status(StatusCode::kInvalidArgument, "scan: keys out of order at " + item.key);
      }
      last = item.key;
      contents.emplace(item.key, Item{item.value.data, item.value.version, item.value.expiry_ms});
    }
    if (!page.more) return contents;
    if (page.items.empty()) return Status(StatusCode::kInvalidArgument, "scan: more, but nothing came");
    options.after = last;
  }
}

std::uint64_t remove_range(const ModelChange& range, std::int64_t now_ms, Contents& contents) {
  const auto first = contents.lower_bound(range.key);
  const auto last = range.to.empty() ? contents.end() : contents.lower_bound(range.to);
  const auto count =
      std::count_if(first, last, [&](const auto& entry) { return !entry.second.has_expired(now_ms); });
  contents.erase(first, last);
  return static_cast<std::uint64_t>(count);
}

}  // namespace

std::vector<std::uint64_t> apply(const ModelBatch& batch, std::int64_t now_ms, Contents& contents) {
  std::vector<std::uint64_t> was_there;
  for (const ModelChange& change : batch) {
    if (change.kind == ModelChange::Kind::kRangeDelete) {
      was_there.push_back(remove_range(change, now_ms, contents));
      continue;
    }
    const auto found = contents.find(change.key);
    const bool is_there = found != contents.end() && !found->second.has_expired(now_ms);
    was_there.push_back(is_there);
    if (change.kind == ModelChange::Kind::kSetExpiry) {
      if (is_there) found->second.expiry_ms = change.expiry_ms;
    } else if (change.value) {
      contents[change.key] = {*change.value, change.version, change.expiry_ms};
    } else if (is_there) {
      contents.erase(found);
    }
  }
  return was_there;
}

std::string describe(const Contents& contents) {
  std::string text = fmt::format("{} keys:", contents.size());
  for (const auto& [key, item] : contents) {
    text += fmt::format(" {}={}", key,
                        item.value.size() <= 12 ? item.value : fmt::format("({} bytes)", item.value.size()));
  }
  return text;
}

std::string difference(const Contents& expected, const Contents& seen, std::int64_t now_ms) {
  for (const auto& [key, item] : expected) {
    if (item.has_expired(now_ms)) continue;
    const auto found = seen.find(key);
    if (found == seen.end()) return fmt::format("key '{}' is missing", key);
    const Item& other = found->second;
    if (other.value != item.value) {
      return fmt::format("key '{}' has '{}' instead of '{}'", key, other.value.substr(0, 40),
                         item.value.substr(0, 40));
    }
    if (other.version != item.version) {
      return fmt::format("key '{}' has version {} instead of {}", key, other.version, item.version);
    }
    if (other.expiry_ms != item.expiry_ms) {
      return fmt::format("key '{}' expires at {} instead of {}", key, other.expiry_ms, item.expiry_ms);
    }
  }
  for (const auto& [key, item] : seen) {
    const auto found = expected.find(key);
    if (found == expected.end()) return fmt::format("key '{}' should not be there", key);
    if (found->second.has_expired(now_ms)) return fmt::format("key '{}' has expired and is there", key);
  }
  return {};
}

void History::learn_keys(const ModelBatch& batch) {
  for (const ModelChange& change : batch) {
    if (keys_->contains(change.key)) continue;
    auto more = std::make_shared<std::set<std::string>>(*keys_);
    more->insert(change.key);
    keys_ = std::move(more);
  }
}

void History::acknowledged(const ModelBatch& batch, std::int64_t now_ms) {
  learn_keys(batch);
  auto next = std::make_shared<Contents>(contents());
  const std::vector<std::uint64_t> was_there = apply(batch, now_ms, *next);
  bool wrote = false;  // a store that takes no more writes still answers those that change nothing
  for (std::size_t i = 0; i < batch.size(); ++i) wrote |= batch[i].value.has_value() || was_there[i];
  past_.push_back(std::move(next));
  if (wrote) allowed_ = {past_.back()};
}

void History::in_doubt(const ModelBatch& batch, std::int64_t now_ms) {
  learn_keys(batch);
  // Each of those in doubt may have happened or not, in their order. Beyond so many, further ones are not
  // allowed for.
  const std::size_t count = allowed_.size();
  if (batch.empty() || count > 512) return;
  for (std::size_t i = 0; i < count; ++i) {
    auto with = std::make_shared<Contents>(*allowed_[i]);
    apply(batch, now_ms, *with);
    allowed_.push_back(std::move(with));
  }
}

void History::settle(const Contents& seen) {
  past_ = {std::make_shared<const Contents>(seen)};
  allowed_ = past_;
}

History::Possible History::allowed_prefixes(std::size_t durable) const {
  Possible all = allowed();
  for (std::size_t i = past_.size() - 1; i-- > durable;) all.push_back(past_[i]);
  return all;
}

bool is_possible(const Contents& seen, const History::Possible& possible, std::int64_t now_ms,
                 std::string& problem) {
  for (const auto& contents : possible) {
    const std::string what = difference(*contents, seen, now_ms);
    if (what.empty()) {
      problem.clear();
      return true;
    }
    if (problem.empty()) problem = what;
  }
  problem += fmt::format(" (and none of {} other states fits)", possible.size() - 1);
  return false;
}

Result<Contents> read_all(const Store& store, const std::set<std::string>& keys) {
  auto forward = scan_all(store, false);
  if (!forward) return forward;
  auto backward = scan_all(store, true);
  if (!backward) return backward;
  const auto disagree = [](const std::string& what) { return Status(StatusCode::kInvalidArgument, what); };
  if (std::string what = difference(*forward, *backward, 0); !what.empty())
    return disagree("reverse scan: " + what);
  for (const std::string& key : keys) {
    const auto value = store.get(key);
    const auto scanned = forward->find(key);
    if (value && (scanned == forward->end() ||
                  scanned->second != Item{value->data, value->version, value->expiry_ms})) {
      return disagree("get and scan differ on " + key);
    }
    if (!value && value.code() != StatusCode::kNotFound) return value.status().with_context("get of " + key);
    if (!value && scanned != forward->end()) return disagree("get does not find what scan does: " + key);
    if (store.exists(key) != value.is_ok()) return disagree("get and exists differ on " + key);
  }
  return forward;
}

}  // namespace minikv::sim
