// Small helpers for names and messages.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "minikv/status.h"

namespace minikv::server {

std::string to_lower(std::string_view text);

// The text on one line: control bytes as \xHH.
std::string one_line(std::string_view text);

// Makes an operator's text fit into a one-line message: one_line(), cut after 100 bytes. Not for paths,
// because their end matters most.
std::string printable(std::string_view text);

// one_line(), with its middle left out if it is longer than `longest` bytes or a few more.
std::string without_middle(std::string_view text, std::size_t longest);

// The name among `known` that `name` most likely stands for, or "" if none is near. Case, dashes and
// underscores make no difference.
std::string_view nearest_name(std::string_view name, std::span<const std::string_view> known);

// kInvalidArgument: a text of the operator can't be accepted.
Status invalid(std::string message);

}  // namespace minikv::server
