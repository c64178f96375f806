// How pieces are opened, closed, cut back and dropped from the front.
#include "protocol/reply_buffer.h"

#include <algorithm>
#include <utility>

namespace minikv::protocol {
namespace {

// The first piece of an idle connection is small; a connection with much to say gets larger ones.
constexpr std::size_t kFirstPieceBytes = 1024;
constexpr std::size_t kLargestOpenPieceBytes = 64 * 1024;
// A larger one is not kept while there is nothing to send.
constexpr std::size_t kKeptBytes = 16 * 1024;
// A shorter chain is copied into the piece that is being filled.
constexpr std::size_t kWorthMovingBytes = 4 * 1024;
// From this many sent pieces on, erasing them from the list is worth its cost.
constexpr std::size_t kSentPieces = 64;

}  // namespace

ReplyBuffer& ReplyBuffer::operator=(ReplyBuffer&& other) noexcept {
  closed_ = std::exchange(other.closed_, {});
  first_ = std::exchange(other.first_, 0);
  closed_bytes_ = std::exchange(other.closed_bytes_, 0);
  closed_memory_ = std::exchange(other.closed_memory_, 0);
  open_ = std::move(other.open_);
  open_capacity_ = std::exchange(other.open_capacity_, 0);
  open_begin_ = std::exchange(other.open_begin_, nullptr);
  at_ = std::exchange(other.at_, nullptr);
  limit_ = std::exchange(other.limit_, nullptr);
  return *this;
}

void ReplyBuffer::append(std::string&& bytes) {
  if (bytes.size() < kOwnPieceBytes) return append(std::string_view(bytes));
  Piece piece;
  piece.text = std::move(bytes);
  piece.begin = piece.text.data();
  piece.bytes = piece.text.size();
  piece.capacity = piece.text.capacity();
  close_open_piece();
  close_piece(std::move(piece));
}

void ReplyBuffer::append(ReplyBuffer&& other) {
  if (other.size() < kWorthMovingBytes) {
    for (std::size_t i = other.first_; i < other.closed_.size(); ++i) append(other.closed_[i].view());
    append(std::string_view(other.open_begin_, other.open_bytes()));
    return other.clear();
  }
  other.close_open_piece();
  close_open_piece();
  for (std::size_t i = other.first_; i < other.closed_.size(); ++i) close_piece(std::move(other.closed_[i]));
  other = ReplyBuffer();
}

char* ReplyBuffer::extend_elsewhere(std::size_t bytes) {
  const std::size_t before = open_capacity_;
  close_open_piece();
  if (bytes >= kOwnPieceBytes) {
    Piece piece;
    piece.memory = std::make_unique_for_overwrite<char[]>(bytes);
    char* const place = piece.memory.get();
    piece.begin = place;
    piece.bytes = piece.capacity = bytes;
    close_piece(std::move(piece));
    return place;
  }
  const std::size_t capacity =
      std::max(bytes, std::clamp(2 * before, kFirstPieceBytes, kLargestOpenPieceBytes));
  open_ = std::make_unique_for_overwrite<char[]>(capacity);
  open_capacity_ = capacity;
  open_begin_ = open_.get();
  at_ = open_begin_ + bytes;
  limit_ = open_begin_ + capacity;
  return open_begin_;
}

void ReplyBuffer::close_piece(Piece piece) {
  closed_.push_back(std::move(piece));
  closed_bytes_ += closed_.back().bytes;
  closed_memory_ += closed_.back().capacity;
}

void ReplyBuffer::close_open_piece() {
  if (!open_) return;
  if (open_bytes() > 0) close_piece({std::move(open_), {}, open_begin_, open_bytes(), open_capacity_});
  forget_open_piece();
}

void ReplyBuffer::forget_open_piece() {
  open_.reset();
  open_capacity_ = 0;
  open_begin_ = at_ = limit_ = nullptr;
}

void ReplyBuffer::rewind(const Mark& mark) {
  if (closed_.size() > mark.pieces) {
    // The piece that was being filled then is the first of those that were closed since, unless it was empty.
    Piece was_open = std::move(closed_[mark.pieces]);
    for (std::size_t i = mark.pieces; i < closed_.size(); ++i) {
      const Piece& piece = i == mark.pieces ? was_open : closed_[i];
      closed_bytes_ -= piece.bytes;
      closed_memory_ -= piece.capacity;
    }
    closed_.resize(mark.pieces);
    forget_open_piece();
    if (mark.open_bytes > 0) reopen(std::move(was_open), mark.open_bytes);
    return;
  }
  at_ = open_begin_ + mark.open_bytes;
}

void ReplyBuffer::reopen(Piece piece, std::size_t bytes) {
  open_ = std::move(piece.memory);
  open_capacity_ = piece.capacity;
  open_begin_ = open_.get() + (piece.begin - open_.get());
  at_ = open_begin_ + bytes;
  limit_ = open_.get() + open_capacity_;
}

std::optional<char> ReplyBuffer::first_since(const Mark& mark) const {
  std::size_t skipped = mark.open_bytes;
  for (std::size_t i = mark.pieces; i < closed_.size(); ++i) {
    if (skipped < closed_[i].bytes) return closed_[i].begin[skipped];
    skipped = 0;
  }
  if (skipped < open_bytes()) return open_begin_[skipped];
  return std::nullopt;
}

std::size_t ReplyBuffer::front(std::span<std::string_view> views) const {
  std::size_t count = 0;
  for (std::size_t i = first_; i < closed_.size() && count < views.size(); ++i)
    views[count++] = closed_[i].view();
  if (open_bytes() > 0 && count < views.size()) views[count++] = std::string_view(open_begin_, open_bytes());
  return count;
}

void ReplyBuffer::drop_front(std::size_t bytes) {
  while (bytes > 0 && first_ < closed_.size()) {
    Piece& piece = closed_[first_];
    const std::size_t dropped = std::min(bytes, piece.bytes);
    bytes -= dropped;
    closed_bytes_ -= dropped;
    piece.begin += dropped;
    piece.bytes -= dropped;
    if (piece.bytes > 0) return;
    closed_memory_ -= piece.capacity;
    piece = Piece();
    ++first_;
  }
  if (first_ == closed_.size()) {
    if (closed_.capacity() > kSentPieces) {
      std::vector<Piece>().swap(closed_);
    } else {
      closed_.clear();
    }
    first_ = 0;
  } else if (first_ >= kSentPieces && first_ > closed_.size() / 2) {
    closed_.erase(closed_.begin(), closed_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  open_begin_ += bytes;
  if (open_bytes() > 0 || first_ < closed_.size()) return;
  if (open_capacity_ > kKeptBytes) return forget_open_piece();
  open_begin_ = at_ = open_.get();
}

std::string ReplyBuffer::str() const {
  std::string all;
  all.reserve(size());
  for (std::size_t i = first_; i < closed_.size(); ++i) all += closed_[i].view();
  all.append(open_begin_, open_bytes());
  return all;
}

}  // namespace minikv::protocol
