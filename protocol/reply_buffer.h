// Replies on their way to a client: a chain of pieces, in which a large value is never copied again.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace minikv::protocol {

// Small replies are gathered in a piece that is filled from front to back. A value of kOwnPieceBytes or more
// is a piece of its own: either memory that the caller fills (extend()), or memory that the caller gives away
// (append() of a string or of another chain).
//
// Thread safety: distinct objects may be used by distinct threads at once; a shared one may not.
class ReplyBuffer {
 public:
  // Shorter runs of bytes are copied into the piece that is being filled.
  static constexpr std::size_t kOwnPieceBytes = 16 * 1024;

  ReplyBuffer() = default;
  ReplyBuffer(ReplyBuffer&& other) noexcept { *this = std::move(other); }
  ReplyBuffer& operator=(ReplyBuffer&& other) noexcept;
  ReplyBuffer(const ReplyBuffer&) = delete;
  ReplyBuffer& operator=(const ReplyBuffer&) = delete;
  ~ReplyBuffer() = default;

  // ---- filling ----
  void append(std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
  }
  void append(const char* text) { append(std::string_view(text)); }
  void append(char byte) { *extend(1) = byte; }
  void append(std::string&& bytes);
  void append(ReplyBuffer&& other);  // which is empty afterwards
  // Makes the reply longer by `bytes` and returns the added bytes, contiguous and not initialised. The
  // pointer is valid until the buffer is moved from or sent.
  char* extend(std::size_t bytes) {
    if (bytes > static_cast<std::size_t>(limit_ - at_)) return extend_elsewhere(bytes);
    char* const place = at_;
    at_ += bytes;
    return place;
  }

  // A position in the buffer. Valid until bytes before it are dropped from the front.
  struct Mark {
    std::size_t pieces = 0;
    std::size_t open_bytes = 0;
  };
  Mark mark() const { return {closed_.size(), open_bytes()}; }
  // Removes what was appended since.
  void rewind(const Mark& mark);
  // The first byte that was appended since, if any was.
  std::optional<char> first_since(const Mark& mark) const;

  // ---- sending ----
  bool empty() const { return size() == 0; }
  std::size_t size() const { return closed_bytes_ + open_bytes(); }
  // What the chain occupies, whether filled or not.
  std::size_t memory() const { return closed_memory_ + open_capacity_; }
  // The contiguous bytes at the front; mostly all of them.
  std::string_view first() const {
    return first_ < closed_.size() ? closed_[first_].view() : std::string_view(open_begin_, open_bytes());
  }
  // Fills `views` with the pieces at the front, and returns how many views it filled.
  std::size_t front(std::span<std::string_view> views) const;
  // Removes `bytes` from the front, and frees the pieces that become empty.
  void drop_front(std::size_t bytes);
  void clear() { drop_front(size()); }

  // All of it, copied.
  std::string str() const;

 private:
  // Bytes that do not change any more. They are in `memory` or in `text`.
  struct Piece {
    std::unique_ptr<char[]> memory;
    std::string text;
    const char* begin = nullptr;
    std::size_t bytes = 0;
    std::size_t capacity = 0;
    std::string_view view() const { return {begin, bytes}; }
  };

  std::size_t open_bytes() const { return static_cast<std::size_t>(at_ - open_begin_); }
  char* extend_elsewhere(std::size_t bytes);
  void close_piece(Piece piece);
  void close_open_piece();
  void reopen(Piece piece, std::size_t bytes);
  void forget_open_piece();

  std::vector<Piece> closed_;
  std::size_t first_ = 0;  // of closed_; the pieces before have been sent
  std::size_t closed_bytes_ = 0;
  std::size_t closed_memory_ = 0;

  // The piece that is being filled; null at first.
  std::unique_ptr<char[]> open_;
  std::size_t open_capacity_ = 0;
  char* open_begin_ = nullptr;  // what comes before has been sent
  char* at_ = nullptr;
  char* limit_ = nullptr;
};

}  // namespace minikv::protocol
