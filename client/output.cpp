// Writes that fail are reported once, with the system's words.
#include "client/output.h"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace minikv::client {

bool Output::write(std::string_view text) const {
  if (std::ferror(out) != 0) return false;
  return std::fwrite(text.data(), 1, text.size(), out) == text.size() || failed();
}

bool Output::flush() const {
  if (std::ferror(out) != 0) return false;
  return std::fflush(out) == 0 || failed();
}

bool Output::close() const {
  if (!flush()) return false;
  return std::fclose(out) == 0 || failed();
}

bool Output::failed() const {
  const int error = errno;
  fmt::print(err, "minikv: the result can't be written: {}\n", std::generic_category().message(error));
  return false;
}

}  // namespace minikv::client
