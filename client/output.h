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

  // False if this write or an earlier one failed: a full disk, a closed pipe. The reason is reported on
  // `err`, once.
  bool write(std::string_view text) const;
  bool flush() const;
  // flush(), and also reports errors that only closing reveals.
  bool close() const;

 private:
  bool failed() const;
};

}  // namespace minikv::client
