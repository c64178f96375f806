// Loads the records of a store into the index, in whatever order recovery meets them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/core/range_deletes.h"
#include "engine/core/state.h"
#include "engine/format/hint.h"
#include "engine/index/index_loader.h"

namespace minikv::engine {

// A key with a damaged newest record that no `lost` record names yet.
struct LostKey {
  std::string key;
  std::uint64_t sequence = 0;  // of the damaged record
  RecordType type = RecordType::kPut;
};

// Locations of keys go to the index at once, where the newest wins. The loader keeps the rest until all
// records have been met. Each loading thread has its own loader, and they are merged in the end.
//
// Thread safety: not thread-safe; several loaders may fill one index.
class RecordLoader {
 public:
  explicit RecordLoader(SharedState& state) : state_(state), loader_(index_of(state)) {}

  // kRefused: a record that this version does not know. kCorruption: a damaged range delete, which names no
  // keys. The bytes of keys must stay valid until flush().
  Status take(const Segment& segment, const RecordView& record);
  // `is_there`: false if the value is known to be lost.
  Status take(const Segment& segment, const HintEntry& entry, bool is_there);
  void flush();
  void note_time(std::int64_t engine_time_ms);
  // Takes over what `other` keeps, after its last flush().
  void merge(RecordLoader&& other);

  // To be called once, after all others and when all records have been met. Drops from the index the keys
  // that are deleted or have expired at `now_ms`, builds the index from the rest, and counts live bytes and
  // lost keys. Returns the keys that need a `lost` record.
  std::vector<LostKey> finish(std::int64_t now_ms);

  std::int64_t newest_time_ms() const { return newest_time_ms_; }
  std::uint64_t newest_sequence() const { return newest_sequence_; }

 private:
  struct Expire {
    std::uint64_t sequence = 0;
    std::int64_t expiry_ms = 0;
  };

  Status take(const Segment& segment, const RecordHeader& header, std::uint64_t offset, std::string_view key,
              std::string_view value, bool value_intact);
  void note_damage(const Segment& segment, const RecordHeader& header, std::uint64_t offset,
                   std::string_view key);

  std::vector<LostKey> find_lost_keys(const RangeDeletes& ranges, std::int64_t now_ms) const;
  void apply_expires();

  // Without the analysis: the loader keeps the reference, and only loaders use the index before all is
  // loaded.
  static Index& index_of(SharedState& state) MINIKV_NO_THREAD_SAFETY_ANALYSIS { return state.index; }

  SharedState& state_;
  IndexLoader loader_;
  std::int64_t newest_time_ms_ = 0;
  std::uint64_t newest_sequence_ = 0;
  std::vector<RangeDelete> ranges_;
  std::unordered_map<std::string, Expire> expires_;   // by key: the newest
  std::unordered_map<std::string, LostKey> damaged_;  // by key: the newest damaged record met
  std::unordered_map<std::string, std::uint64_t>
      named_;  // by key: the newest record that a `lost` record names
  bool is_finished_ = false;
};

}  // namespace minikv::engine
