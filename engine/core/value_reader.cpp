// The ways to a value: through the mapping, by system call, or not at all where that would wait for the disk.
#include "engine/core/value_reader.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "engine/base/out_of_memory.h"
#include "engine/core/reader_pool.h"
#include "engine/format/crc32c.h"
#include "minikv/store.h"

namespace minikv::engine {
namespace {

Status lost() {
  return {StatusCode::kCorruption,
          "the value was damaged on disk and can't be had back; set or delete the key to heal it"};
}

// One read of one record: header and key go to a buffer of its own, the value to the caller's. The caller
// checks the head first. Then it adds the value's pieces in order as they are read, and checks the value at
// the end.
class RecordRead {
 public:
  RecordRead(const ValueHandle& handle, const Segment& segment, std::uint64_t offset, std::string_view key,
             std::span<char> out)
      : handle_(handle), segment_(segment), offset_(offset), key_(key), out_(out) {
    assert(out.size() == handle.value_bytes());
    if (head_bytes() <= small_.size()) {
      head_ = std::span(small_).first(head_bytes());
      return;
    }
    large_.reset(new (std::nothrow) char[head_bytes()]);
    if (large_) head_ = {large_.get(), head_bytes()};
  }

  // False: there was no memory for the head.
  bool has_room() const { return head_.size() == head_bytes(); }
  std::size_t head_bytes() const { return sizeof(RecordHeader) + key_.size(); }
  std::size_t bytes() const { return head_bytes() + out_.size(); }
  std::span<char> head() const { return head_; }
  std::span<char> value() const { return out_; }
  // The value's bytes from `begin` on, as many as are read at once.
  std::span<char> piece(std::size_t begin) const {
    return out_.subspan(begin, std::min(Store::kReadPieceBytes, out_.size() - begin));
  }
  std::uint64_t offset_of(std::size_t value_byte) const { return offset_ + head_bytes() + value_byte; }

  // Checks what was read into head().
  Status check_head() {
    const auto record = parse_record_header({head_.data(), head_.size()}, segment_.identity(), offset_);
    if (!record || record->key.size() != key_.size() || record->header.value_length != out_.size())
      return damaged("the record does not check out");
    if (record->key != key_ || record->header.version != handle_.version())
      return damaged("the record is not the one the index names");
    wanted_ = record->header.value_checksum;
    return {};
  }
  // Adds what was read into the next piece() to the checksum.
  void add(std::span<const char> piece) { checksum_ = crc32c({piece.data(), piece.size()}, checksum_); }
  Status check_value() const {
    return checksum_ == wanted_ ? Status() : damaged("the value does not check out");
  }

  // Reads the value from its byte `begin` on by `read(offset, piece)`, and checks it.
  template <typename Read>
  Status read_value(std::size_t begin, Read read) {
    while (begin < out_.size()) {
      const std::span<char> next = piece(begin);
      MINIKV_TRY(read(offset_of(begin), next));
      add(next);
      begin += next.size();
    }
    return check_value();
  }

 private:
  Status damaged(std::string_view what) const {
    return {StatusCode::kCorruption, fmt::format("{} at offset {}: {}", segment_.path(), offset_, what)};
  }

  const ValueHandle& handle_;
  const Segment& segment_;
  const std::uint64_t offset_;
  const std::string_view key_;
  const std::span<char> out_;
  std::array<char, 256> small_;
  std::unique_ptr<char[]> large_;
  std::span<char> head_;
  std::uint32_t checksum_ = 0, wanted_ = 0;
};

// Through the mapping, a large value that is not in memory would cost a page fault for every page.
bool reads_from_disk(const ValueHandle& handle) {
  return ReaderPool::is_this_thread_one() || handle.value_bytes() > Store::kMaxValueAtOnceBytes;
}

Status no_memory() { return out_of_memory("the value that was to be read"); }

// A new string, filled by `read(span)`.
template <typename Read>
Result<Value> read_string(const ValueHandle& handle, std::size_t room_bytes, Read read) {
  Value value{{}, handle.version(), handle.expiry_ms()};
  try {
    if (room_bytes > handle.value_bytes()) value.data.reserve(room_bytes);
    value.data.resize(handle.value_bytes());
  } catch (const std::bad_alloc&) {
    return no_memory();
  }
  if (Status done = read(std::span<char>(value.data)); !done) return done;
  return value;
}

}  // namespace

ValueHandle HandleAccess::make(SegmentPtr segment, const Location& location) {
  ValueHandle handle;
  handle.lost_ = location.lost || segment == nullptr;
  handle.segment_ = std::move(segment);
  handle.offset_ = location.offset;
  handle.expiry_ms_ = location.expiry_ms;
  handle.version_ = location.version;
  handle.value_bytes_ = location.value_bytes;
  return handle;
}

void HandleAccess::prefetch(const ValueHandle& handle) {
  if (handle.lost_) return;
  handle.segment_->mapping().prefetch(handle.offset_, sizeof(RecordHeader) + handle.value_bytes_);
}

Status HandleAccess::read(const ValueHandle& handle, std::string_view key, std::span<char> out,
                          ResidentPages& resident) {
  if (handle.lost_) return lost();
  RecordRead record(handle, *handle.segment_, handle.offset_, key, out);
  if (!record.has_room()) return no_memory();
  if (!handle.segment_->is_mapped(handle.offset_, record.bytes()))
    return read_from_disk(handle, key, out, resident, {});
  const Mapping& mapping = handle.segment_->mapping();
  MINIKV_TRY(mapping.copy(handle.offset_, record.head()));
  MINIKV_TRY(record.check_head());
  return record.read_value(
      0, [&](std::uint64_t offset, std::span<char> piece) { return mapping.copy(offset, piece); });
}

Status HandleAccess::read_from_disk(const ValueHandle& handle, std::string_view key, std::span<char> out,
                                    ResidentPages& resident, const std::function<bool()>& should_stop) {
  if (handle.lost_) return lost();
  const File& file = handle.segment_->file();
  RecordRead record(handle, *handle.segment_, handle.offset_, key, out);
  if (!record.has_room()) return no_memory();
  // One call reads the head and the first piece of the value, since two calls would wait twice.
  const std::span<char> first = record.piece(0);
  const auto go_on = [&] {
    if (!should_stop || !should_stop()) return Status();
    return Status(StatusCode::kCancelled, "the read was given up: its answer is not wanted any more");
  };
  MINIKV_TRY(go_on());
  MINIKV_TRY(file.read_pieces(handle.offset_, std::array{record.head(), first}));
  resident.touch(handle.segment_->marks(), handle.offset_, record.head_bytes() + first.size());
  MINIKV_TRY(record.check_head());
  record.add(first);
  return record.read_value(first.size(), [&](std::uint64_t offset, std::span<char> piece) {
    MINIKV_TRY(go_on());
    MINIKV_TRY(file.read(offset, piece));
    resident.touch(handle.segment_->marks(), offset, piece.size());
    return Status();
  });
}

std::optional<Status> HandleAccess::try_read(const ValueHandle& handle, std::string_view key,
                                             std::span<char> out, ResidentPages& resident) {
  if (handle.lost_ || is_resident(handle, key, resident)) return read(handle, key, out, resident);
  const Segment& segment = *handle.segment_;
  RecordRead record(handle, segment, handle.offset_, key, out);
  if (!record.has_room()) return no_memory();
  MINIKV_ASSIGN_OR_RETURN(
      const std::size_t got,
      segment.file().read_cached(handle.offset_, std::array{record.head(), record.value()}));
  if (got < record.bytes()) return std::nullopt;
  resident.touch(segment.marks(), handle.offset_, record.bytes());
  if (Status checked = record.check_head(); !checked) return checked;
  record.add(record.value());
  return record.check_value();
}

Result<Value> HandleAccess::read(const ValueHandle& handle, std::string_view key, ResidentPages& resident,
                                 std::size_t room_bytes) {
  return read_string(handle, room_bytes,
                     [&](std::span<char> out) { return read(handle, key, out, resident); });
}

Result<Value> HandleAccess::read_from_disk(const ValueHandle& handle, std::string_view key,
                                           ResidentPages& resident, std::size_t room_bytes) {
  return read_string(handle, room_bytes,
                     [&](std::span<char> out) { return read_from_disk(handle, key, out, resident, {}); });
}

std::optional<Result<Value>> HandleAccess::try_read(const ValueHandle& handle, std::string_view key,
                                                    ResidentPages& resident, std::size_t room_bytes) {
  bool is_cold = false;
  Result<Value> value = read_string(handle, room_bytes, [&](std::span<char> out) {
    const std::optional<Status> done = try_read(handle, key, out, resident);
    is_cold = !done;
    return done.value_or(Status(StatusCode::kIoError, ""));
  });
  if (is_cold) return std::nullopt;
  return value;
}

std::size_t HandleAccess::room_bytes(const OldValue& old, std::uint64_t value_bytes, const Options& options) {
  const std::uint64_t most = options.max_value_bytes - std::min(options.max_value_bytes, value_bytes);
  const std::uint64_t wanted = value_bytes + std::min<std::uint64_t>(old.more_bytes, most);
  return std::max(wanted, std::min<std::uint64_t>(old.least_bytes, options.max_value_bytes));
}

bool HandleAccess::is_resident(const ValueHandle& handle, std::string_view key, ResidentPages& resident) {
  assert(handle.segment_ != nullptr);
  const std::uint64_t bytes = sizeof(RecordHeader) + key.size() + handle.value_bytes_;
  return handle.segment_->is_mapped(handle.offset_, bytes) &&
         resident.has(handle.segment_->marks(), handle.offset_, bytes);
}

void ValueReader::tell(const Status& damage) const {
  log_.error("a value is damaged, and its key answers CORRUPT: {}", damage.message());
}

Result<Value> ValueReader::read(std::string_view key, const ValueHandle& handle,
                                std::size_t room_bytes) const {
  Result<Value> value = reads_from_disk(handle)
                            ? HandleAccess::read_from_disk(handle, key, resident_, room_bytes)
                            : HandleAccess::read(handle, key, resident_, room_bytes);
  if (value.code() == StatusCode::kCorruption) tell(value.status());
  return value;
}

Status ValueReader::read_into(std::string_view key, const ValueHandle& handle, std::span<char> out,
                              const std::function<bool()>& should_stop) const {
  Status done = reads_from_disk(handle)
                    ? HandleAccess::read_from_disk(handle, key, out, resident_, should_stop)
                    : HandleAccess::read(handle, key, out, resident_);
  if (done.code() == StatusCode::kCorruption) tell(done);
  return done;
}

std::optional<Result<Value>> ValueReader::try_read(std::string_view key, const ValueHandle& handle) const {
  if (handle.value_bytes() > Store::kMaxValueAtOnceBytes) return std::nullopt;
  std::optional<Result<Value>> value = HandleAccess::try_read(handle, key, resident_);
  if (value && value->code() == StatusCode::kCorruption) tell(value->status());
  return value;
}

std::optional<Status> ValueReader::try_read_into(std::string_view key, const ValueHandle& handle,
                                                 std::span<char> out) const {
  if (handle.value_bytes() > Store::kMaxValueAtOnceBytes) return std::nullopt;
  std::optional<Status> done = HandleAccess::try_read(handle, key, out, resident_);
  if (done && done->code() == StatusCode::kCorruption) tell(*done);
  return done;
}

}  // namespace minikv::engine
