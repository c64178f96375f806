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
      contents.emplace(item.key, item.value.data);
    }
    if (!page.more) return contents;
    if (page.items.empty()) return Status(StatusCode::kInvalidArgument, "scan: more, but nothing came");
    options.after = last;
  }
}

}  // namespace

void apply(const ModelBatch& batch, Contents& contents) {
  for (const ModelChange& change : batch) {
    if (change.value) {
      contents[change.key] = *change.value;
    } else {
      contents.erase(change.key);
    }
  }
}

std::string describe(const Contents& contents) {
  std::string text = fmt::format("{} keys:", contents.size());
  for (const auto& [key, value] : contents) {
    text += fmt::format(" {}={}", key, value.size() <= 12 ? value : fmt::format("({} bytes)", value.size()));
  }
  return text;
}

std::string difference(const Contents& expected, const Contents& seen) {
  for (const auto& [key, value] : expected) {
    const auto found = seen.find(key);
    if (found == seen.end()) return fmt::format("key '{}' is missing", key);
    if (found->second != value) {
      return fmt::format("key '{}' has '{}' instead of '{}'", key, found->second.substr(0, 40),
                         value.substr(0, 40));
    }
  }
  for (const auto& [key, value] : seen) {
    if (!expected.contains(key)) return fmt::format("key '{}' should not be there", key);
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

void History::acknowledged(const ModelBatch& batch) {
  learn_keys(batch);
  doubtful_.clear();
  auto next = std::make_shared<Contents>(contents());
  apply(batch, *next);
  past_.push_back(std::move(next));
}

void History::in_doubt(const ModelBatch& batch) {
  learn_keys(batch);
  if (!batch.empty()) doubtful_.push_back(batch);
}

void History::settle(const Contents& seen) {
  doubtful_.clear();
  past_ = {std::make_shared<const Contents>(seen)};
}

History::Possible History::allowed() const {
  Possible all = {past_.back()};
  // Each of them by itself may have come to be or not, in their order.
  for (const ModelBatch& batch : doubtful_) {
    const std::size_t count = all.size();
    if (count > 512) break;
    for (std::size_t i = 0; i < count; ++i) {
      auto with = std::make_shared<Contents>(*all[i]);
      apply(batch, *with);
      all.push_back(std::move(with));
    }
  }
  return all;
}

History::Possible History::allowed_prefixes(std::size_t durable) const {
  Possible all = allowed();
  for (std::size_t i = past_.size() - 1; i-- > durable;) all.push_back(past_[i]);
  return all;
}

bool is_possible(const Contents& seen, const History::Possible& possible, std::string& problem) {
  for (const auto& contents : possible) {
    if (*contents == seen) return true;
  }
  problem = difference(*possible.front(), seen) +
            fmt::format(" (and none of {} other states fits)", possible.size() - 1);
  return false;
}

Result<Contents> read_all(const Store& store, const std::set<std::string>& keys) {
  auto forward = scan_all(store, false);
  if (!forward) return forward;
  auto backward = scan_all(store, true);
  if (!backward) return backward;
  const auto disagree = [](const std::string& what) { return Status(StatusCode::kInvalidArgument, what); };
  if (std::string what = difference(*forward, *backward); !what.empty())
    return disagree("reverse scan: " + what);
  for (const std::string& key : keys) {
    const auto value = store.get(key);
    const auto scanned = forward->find(key);
    if (value && (scanned == forward->end() || scanned->second != value->data)) {
      return disagree("get and scan differ on " + key);
    }
    if (!value && value.code() != StatusCode::kNotFound) return value.status().with_context("get of " + key);
    if (!value && scanned != forward->end()) return disagree("get does not find what scan does: " + key);
    if (store.exists(key) != value.is_ok()) return disagree("get and exists differ on " + key);
  }
  return forward;
}

}  // namespace minikv::sim
