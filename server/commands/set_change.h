// The one way in which SET, PUT, SETNX, SETEX and CAS store a value: perhaps on a condition, perhaps to
// expire.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "minikv/transaction.h"
#include "server/commands/arguments.h"
#include "server/request/context.h"
#include "server/request/outcome.h"

namespace minikv::server {

struct SetChange {
  // How the change is answered; Redis has another way for each.
  enum class Style : std::uint8_t {
    kSet,    // OK, or nil if the condition is not met
    kPut,    // OK, or an error
    kSetNx,  // 1 or 0
    kCas,    // the new version, or an error
  };

  Style style = Style::kSet;
  bool if_missing = false;
  bool if_present = false;
  std::optional<std::uint64_t> if_version;  // 0: if there is no such key
  bool return_old = false;                  // answers with the old value, whether or not the condition is met
  Expiry expiry;

  // Filled by submit().
  std::string_view key;
  std::string_view value;
  std::uint32_t checksum = 0;

  // Keeps key and value, computes the checksum, and submits the change.
  void submit(const Context& context, std::string_view new_key, std::string_view new_value);

  Outcome execute(Transaction& transaction) const;

 private:
  // The answer if the change may not be made.
  std::optional<Outcome> refusal(const std::optional<Transaction::Entry>& entry) const;
};

}  // namespace minikv::server
