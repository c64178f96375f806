// Builds hints, and checks every number of a hint that is read.
#include "engine/format/hint.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "engine/base/key_piece.h"
#include "engine/format/crc32c.h"
#include "engine/format/object_bytes.h"

namespace minikv::engine {
namespace {

constexpr std::size_t kWriteBytes = 1 << 20;
constexpr std::size_t kLookBack = 16;  // kept entries; a useless one that stays does no harm
constexpr std::size_t kChecksummedFrom = offsetof(HintHeader, format_version);

// Hints leave out the values of puts alone: the value of any other record is part of what the record says.
std::uint64_t kept_value_bytes(const RecordHeader& header) {
  return header.type == RecordType::kPut ? 0 : header.value_length;
}

std::uint64_t entry_bytes(const RecordHeader& header) {
  return align_up(sizeof(HintEntryHeader) + header.key_length + kept_value_bytes(header));
}

// Parses the entry at the front of `bytes`; false: it is not complete.
bool parse_entry(std::string_view bytes, HintEntry& entry) {
  HintEntryHeader header;
  if (bytes.size() < sizeof(header)) return false;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (bytes.size() < entry_bytes(header.record)) return false;
  entry.header = header.record;
  entry.offset = header.offset;
  entry.key = bytes.substr(sizeof(header), header.record.key_length);
  entry.value = bytes.substr(sizeof(header) + entry.key.size(),
                             static_cast<std::size_t>(kept_value_bytes(header.record)));
  return true;
}

bool lies_in_segment(const HintEntry& entry, std::uint64_t segment_size) {
  return entry.offset % kAlignment == 0 && entry.offset < segment_size &&
         record_bytes(entry.header.key_length, entry.header.value_length) <= segment_size - entry.offset;
}

bool comes_first(const HintEntry& a, const HintEntry& b) {
  if (const int order = a.key.compare(b.key); order != 0) return order < 0;
  if (rank_of(a.header) != rank_of(b.header)) return rank_of(a.header) > rank_of(b.header);
  return a.header.type == RecordType::kLost && b.header.type != RecordType::kLost;
}

// Whether the newer of two records of one key says all that the older one does, about the value's location or
// about its expiry.
bool says_more(const HintEntry& newer, const HintEntry& older) {
  const bool newer_is_range = newer.header.type == RecordType::kRangeDelete;
  if (newer_is_range != (older.header.type == RecordType::kRangeDelete)) return false;
  if (newer_is_range) return newer.value.empty() || (!older.value.empty() && older.value <= newer.value);
  return newer.header.type != RecordType::kExpire || older.header.type == RecordType::kExpire;
}

}  // namespace

HintIdentity hint_identity(const StoreId& store_id, const ManifestSegment& segment) {
  return {store_id, {id_of(segment), segment.salt}, segment.size, segment.min_seq, segment.max_seq};
}

void HintBuilder::add(const RecordHeader& header, std::string_view key, std::string_view value,
                      std::uint64_t offset) {
  entries_.push_back(bytes_.size());
  bytes_.append(bytes_of(HintEntryHeader{offset, header}));
  bytes_.append(key);
  if (header.type != RecordType::kPut) bytes_.append(value);
  bytes_.resize(align_up(bytes_.size()), '\0');
}

void HintBuilder::note_time(std::int64_t engine_time_ms) {
  newest_time_ms_ = std::max(newest_time_ms_, engine_time_ms);
}

void HintBuilder::clear() {
  bytes_.clear();
  entries_.clear();
  newest_time_ms_ = 0;
}

HintEntry HintBuilder::parse(std::size_t position) const {
  HintEntry entry;
  parse_entry(std::string_view(bytes_).substr(position), entry);
  return entry;
}

// Sorts by a piece of each key, from where the keys first differ: most comparisons need no access to the
// entries, which lie anywhere in memory.
void HintBuilder::sort_entries() {
  struct Item {
    std::uint64_t piece;
    std::size_t position;
  };
  if (entries_.empty()) return;
  const std::string_view first = key_at(entries_.front());
  std::size_t common = first.size();
  for (const std::size_t position : entries_) {
    const std::string_view key = key_at(position);
    const auto end =
        std::mismatch(first.begin(),
                      first.begin() + static_cast<std::ptrdiff_t>(std::min(common, key.size())), key.begin());
    common = static_cast<std::size_t>(end.first - first.begin());
  }
  std::vector<Item> items;
  items.reserve(entries_.size());
  for (const std::size_t position : entries_) items.push_back({piece_of(key_at(position), common), position});
  std::sort(items.begin(), items.end(), [this](const Item& a, const Item& b) {
    return a.piece != b.piece ? a.piece < b.piece : comes_first(parse(a.position), parse(b.position));
  });
  for (std::size_t i = 0; i < items.size(); ++i) entries_[i] = items[i].position;
}

std::string_view HintBuilder::key_at(std::size_t position) const {
  std::uint16_t length;
  std::memcpy(
      &length,
      bytes_.data() + position + offsetof(HintEntryHeader, record) + offsetof(RecordHeader, key_length),
      sizeof(length));
  return std::string_view(bytes_).substr(position + sizeof(HintEntryHeader), length);
}

// Prefetches an entry some steps ahead: in the order of keys entries lie anywhere in memory, and each access
// would wait.
void HintBuilder::prefetch(std::size_t i) const {
  constexpr std::size_t kPrefetchAhead = 16;
  if (i + kPrefetchAhead >= entries_.size()) return;
  const char* const entry = bytes_.data() + entries_[i + kPrefetchAhead];
  __builtin_prefetch(entry);
  __builtin_prefetch(entry + sizeof(HintEntryHeader));
}

void HintBuilder::arrange() {
  sort_entries();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    prefetch(i);
    const std::size_t position = entries_[i];
    const HintEntry entry = parse(position);
    bool useless = false;
    for (std::size_t back = 1; back <= std::min(kept, kLookBack) && !useless; ++back) {
      const HintEntry other = parse(entries_[kept - back]);
      if (other.key != entry.key) break;
      useless = says_more(other, entry);
    }
    if (!useless) entries_[kept++] = position;
  }
  entries_.resize(kept);
}

void HintBuilder::for_each(const std::function<void(const HintEntry&)>& visit) const {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    prefetch(i);
    visit(parse(entries_[i]));
  }
}

Status HintBuilder::write(const HintIdentity& identity, File& file) const {
  HintHeader header{};
  std::memcpy(header.magic, kHintMagic, sizeof(header.magic));
  header.format_version = kFormatVersion;
  header.segment_id = identity.segment.id.number();
  header.salt = identity.segment.salt;
  header.segment_size = identity.segment_size;
  header.min_seq = identity.min_seq;
  header.max_seq = identity.max_seq;
  header.newest_time_ms = newest_time_ms_;
  header.entry_count = entries_.size();
  header.store_id = identity.store_id;

  std::string piece;
  const auto flush = [&]() -> Status {
    header.body_checksum = crc32c(piece, header.body_checksum);
    MINIKV_TRY(file.write(sizeof(header) + header.body_bytes, std::array{std::string_view(piece)}));
    header.body_bytes += piece.size();
    piece.clear();
    return {};
  };
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    prefetch(i);
    const std::size_t position = entries_[i];
    const HintEntry entry = parse(position);
    piece.append(bytes_, position, static_cast<std::size_t>(entry_bytes(entry.header)));
    if (piece.size() >= kWriteBytes) MINIKV_TRY(flush());
  }
  if (!piece.empty()) MINIKV_TRY(flush());
  header.checksum = crc32c(bytes_of(header).substr(kChecksummedFrom));
  MINIKV_TRY(file.write(0, std::array{bytes_of(header)}));
  return file.sync();
}

bool Hint::for_each(const std::function<bool(const HintEntry&)>& visit) const {
  std::string_view rest = std::string_view(bytes_).substr(sizeof(HintHeader));
  HintEntry entry;
  while (parse_entry(rest, entry)) {
    if (!visit(entry)) return false;
    rest.remove_prefix(static_cast<std::size_t>(entry_bytes(entry.header)));
  }
  return true;
}

Result<Hint> parse_hint(std::string bytes, const HintIdentity* identity) {
  const auto refuse = [](const char* why) { return Status(StatusCode::kCorruption, why); };
  Hint hint;
  HintHeader& header = hint.header_;
  if (bytes.size() < sizeof(header)) return refuse("it is too short");
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (std::memcmp(header.magic, kHintMagic, sizeof(header.magic)) != 0) return refuse("its magic is wrong");
  if (header.checksum != crc32c(bytes_of(header).substr(kChecksummedFrom))) {
    return refuse("its header does not check out");
  }
  if (header.format_version > kFormatVersion || header.incompat_features != 0) {
    return refuse("it is of a newer format");
  }
  const std::string_view body = std::string_view(bytes).substr(sizeof(header));
  if (header.body_bytes != body.size()) return refuse("it is not as long as it says");
  if (header.body_checksum != crc32c(body)) return refuse("it does not check out");
  if (identity != nullptr) {
    if (header.store_id != identity->store_id) return refuse("it belongs to another store");
    if (header.segment_id != identity->segment.id.number() || header.salt != identity->segment.salt) {
      return refuse("it belongs to another segment or another incarnation of this one");
    }
    if (header.segment_size != identity->segment_size || header.min_seq != identity->min_seq ||
        header.max_seq != identity->max_seq) {
      return refuse("it tells of another state of the segment");
    }
  }
  // Bytes that check out were written by minikv; the parser trusts no length in them all the same.
  std::uint64_t count = 0;
  std::size_t position = 0;
  HintEntry entry;
  while (position < body.size() && parse_entry(body.substr(position), entry)) {
    if (!lies_in_segment(entry, header.segment_size)) return refuse("an entry points out of the segment");
    position += static_cast<std::size_t>(entry_bytes(entry.header));
    ++count;
  }
  if (position != body.size() || count != header.entry_count) return refuse("its entries do not add up");
  hint.bytes_ = std::move(bytes);
  return hint;
}

}  // namespace minikv::engine
