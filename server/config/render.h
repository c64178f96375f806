// The table of settings as text, for people and for tools.
#pragma once

#include <string>
#include <string_view>

#include "server/config/load.h"

namespace minikv::server {

// Answer to --help.
std::string render_help();

// Answer to --print-config: a configuration file that gives the same settings again.
std::string render_config(const Config& config);

// Answer to --print-config=origins: the same, and a comment behind each value that says where it came from.
std::string render_origins(const Settled& settled);

// The table in docs/CONFIGURATION.md, as Markdown.
std::string render_reference();

}  // namespace minikv::server
