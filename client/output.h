// Where results go.
#pragma once

#include <cstdio>
#include <string_view>

#include "client/presentation.h"

namespace minikv::client {

struct Output {
  std::FILE* out;
  std::FILE* err;
  Style style = Style::kPeople;

  // False if what was written, now or before, can't be had: a full disk, a pipe that is closed. The reason is
  // told on `err`, once.
  bool write(std::string_view text) const;
  bool flush() const;
  // flush(), and sees what only closing tells.
  bool close() const;

 private:
  bool failed() const;
};

}  // namespace minikv::client
