#include "engine/store/handle.h"

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace minikv::engine {
namespace {

// Records up to this size are read from the disk in one piece: two would wait twice.
constexpr std::size_t kOnePieceBytes = 64 * 1024;

// Room for a record: header and key in a small buffer, the value straight in its string.
class RecordRoom {
 public:
  RecordRoom(std::size_t key_bytes, std::size_t value_bytes) : head_bytes_(sizeof(RecordHeader) + key_bytes) {
    if (head_bytes_ > small_.size()) large_ = std::make_unique_for_overwrite<char[]>(head_bytes_);
    value.resize(value_bytes);
  }

  std::span<char> head() { return {large_ ? large_.get() : small_.data(), head_bytes_}; }
  std::size_t bytes() const { return head_bytes_ + value.size(); }

  std::string value;

 private:
  std::size_t head_bytes_;
  std::array<char, 256> small_;
  std::unique_ptr<char[]> large_;
};

Status lost() {
  return {StatusCode::kCorruption,
          "the value was damaged on disk and can't be had back; set or delete the key to heal it"};
}

Status damaged(const Segment& segment, std::uint64_t offset, std::string_view what) {
  return {StatusCode::kCorruption, fmt::format("{} at offset {}: {}", segment.path(), offset, what)};
}

// The copy in `room` as a value, if it is the record that is wanted.
Result<Value> checked(RecordRoom& room, const Segment& segment, std::uint64_t offset, std::string_view key,
                      std::uint64_t version, std::int64_t expiry_ms) {
  const std::string_view head(room.head().data(), room.head().size());
  const auto record = parse_record_header(head, segment.identity(), offset);
  if (!record || record->key.size() != key.size() || record->header.value_length != room.value.size()) {
    return damaged(segment, offset, "the record does not check out");
  }
  if (value_checksum(room.value) != record->header.value_checksum)
    return damaged(segment, offset, "the value does not check out");
  if (record->key != key || record->header.version != version)
    return damaged(segment, offset, "the record is not the one the index names");
  return Value{std::move(room.value), version, expiry_ms};
}

}  // namespace

ValueHandle HandleAccess::make(SegmentPtr segment, const Place& place) {
  ValueHandle handle;
  handle.lost_ = place.lost || segment == nullptr;
  handle.segment_ = std::move(segment);
  handle.offset_ = place.offset;
  handle.expiry_ms_ = place.expiry_ms;
  handle.version_ = place.version;
  handle.value_bytes_ = place.value_bytes;
  return handle;
}

void HandleAccess::fetch_ahead(const ValueHandle& handle) {
  if (handle.lost_) return;
  handle.segment_->mapping().fetch_ahead(handle.offset_, sizeof(RecordHeader) + handle.value_bytes_);
}

Result<Value> HandleAccess::read(const ValueHandle& handle, std::string_view key) {
  if (handle.lost_) return lost();
  const Segment& segment = *handle.segment_;
  RecordRoom room(key.size(), handle.value_bytes_);
  MINIKV_TRY(segment.mapping().copy(handle.offset_, room.head()));
  MINIKV_TRY(segment.mapping().copy(handle.offset_ + room.head().size(), room.value));
  return checked(room, segment, handle.offset_, key, handle.version_, handle.expiry_ms_);
}

Result<Value> HandleAccess::read_from_disk(const ValueHandle& handle, std::string_view key, WarmPages& warm) {
  if (handle.lost_) return lost();
  const Segment& segment = *handle.segment_;
  RecordRoom room(key.size(), handle.value_bytes_);
  const std::span<char> head = room.head();
  if (room.bytes() <= kOnePieceBytes) {
    std::string whole(room.bytes(), '\0');
    MINIKV_TRY(segment.file().read(handle.offset_, whole));
    whole.copy(head.data(), head.size());
    whole.copy(room.value.data(), room.value.size(), head.size());
  } else {
    MINIKV_TRY(segment.file().read(handle.offset_, head));
    MINIKV_TRY(segment.file().read(handle.offset_ + head.size(), room.value));
  }
  warm.touch(segment.marks(), handle.offset_, room.bytes());
  return checked(room, segment, handle.offset_, key, handle.version_, handle.expiry_ms_);
}

std::optional<Result<Value>> HandleAccess::try_read(const ValueHandle& handle, std::string_view key,
                                                    WarmPages& warm) {
  if (handle.lost_ || is_warm(handle, key, warm)) return read(handle, key);
  const Segment& segment = *handle.segment_;
  RecordRoom room(key.size(), handle.value_bytes_);
  const std::array<std::span<char>, 2> pieces = {room.head(), room.value};
  const Result<std::size_t> got = segment.file().read_cached(handle.offset_, pieces);
  if (!got) return Result<Value>(got.status());
  if (*got < room.bytes()) return std::nullopt;
  warm.touch(segment.marks(), handle.offset_, room.bytes());
  return checked(room, segment, handle.offset_, key, handle.version_, handle.expiry_ms_);
}

bool HandleAccess::is_warm(const ValueHandle& handle, std::string_view key, WarmPages& warm) {
  const std::uint64_t bytes = sizeof(RecordHeader) + key.size() + handle.value_bytes_;
  return warm.has(handle.segment_->marks(), handle.offset_, bytes);
}

}  // namespace minikv::engine
