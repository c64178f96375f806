// How errors travel between minikv's modules: as values.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace minikv {

enum class StatusCode : std::uint8_t {
  kOk,
  kNotFound,         // no such key
  kExists,           // the key is there and must not be
  kVersion,          // the key's version is not the expected one
  kInvalidArgument,  // the caller's request can't be carried out as it is; nothing was changed
  kCorruption,       // stored bytes do not check out
  kIoError,          // the operating system refused a read, write or sync
  kDiskFull,         // no room; reads go on, writes resume when there is room again
  kReadOnly,         // the store takes no writes until it is reopened
  kRefused,          // the store can't be opened as it is, and was left untouched
  kLocked,           // another process has the store open
  kShutdown,         // the store is closing
  kOutOfMemory,      // memory for this request could not be had; nothing was changed
  kCancelled,        // the caller does not want the answer any more
};

// An error code and a sentence for people: what was wrong, where, and what to do. Copies share the sentence:
// to pass an error on never fails. Where there is no memory for the sentence, there is a shorter one. Thread
// safety: as a std::string.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(StatusCode code, std::string message) noexcept;

  static Status ok() { return {}; }
  // An errno turned into the code that callers act upon; `what` says which call on which path and offset.
  static Status from_errno(int error, std::string_view what) noexcept;

  bool is_ok() const { return code_ == StatusCode::kOk; }
  explicit operator bool() const { return is_ok(); }
  StatusCode code() const { return code_; }
  // The errno that from_errno() was given; 0: the status was made otherwise.
  int error() const { return error_; }
  const std::string& message() const { return message_ ? *message_ : message_without_memory(); }

  // The same code, with `where` put before the message.
  Status with_context(std::string_view where) const;

 private:
  const std::string& message_without_memory() const;

  StatusCode code_ = StatusCode::kOk;
  int error_ = 0;
  std::shared_ptr<const std::string> message_;  // null: there is none, or was no memory for it
};

// A value, or the reason why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Status error) : state_(std::in_place_index<1>, std::move(error)) {
    assert(!std::get<1>(state_).is_ok() && "a Result without a value needs an error");
  }
  Result(StatusCode code, std::string message) : Result(Status(code, std::move(message))) {}

  bool is_ok() const { return state_.index() == 0; }
  explicit operator bool() const { return is_ok(); }
  StatusCode code() const { return is_ok() ? StatusCode::kOk : std::get<1>(state_).code(); }
  Status status() const { return is_ok() ? Status() : std::get<1>(state_); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  std::variant<T, Status> state_;
};

// Returns the status of `expression` if it is an error.
#define MINIKV_TRY(expression)                                                   \
  do {                                                                           \
    if (auto minikv_status = (expression); !minikv_status) return minikv_status; \
  } while (false)

// Declares (or assigns) what a Result holds, or returns the reason why it holds nothing:
//   MINIKV_ASSIGN_OR_RETURN(auto file, file_system.open(path, OpenMode::kRead));
#define MINIKV_ASSIGN_OR_RETURN(declaration, ...) \
  MINIKV_ASSIGN_OR_RETURN_BY(MINIKV_NAME_WITH_LINE(minikv_result_, __LINE__), declaration, (__VA_ARGS__))
// NOLINTBEGIN(bugprone-macro-parentheses): what is declared can't stand in them
#define MINIKV_ASSIGN_OR_RETURN_BY(result, declaration, expression) \
  auto result = expression;                                         \
  if (!result) return result.status();                              \
  declaration = *std::move(result)
// NOLINTEND(bugprone-macro-parentheses)
#define MINIKV_NAME_WITH_LINE(name, line) MINIKV_NAME_WITH_EXPANDED_LINE(name, line)
#define MINIKV_NAME_WITH_EXPANDED_LINE(name, line) name##line

}  // namespace minikv
