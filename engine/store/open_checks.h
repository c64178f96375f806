// The checks before a store is opened: whether its options make sense, what the directory holds, and how many
// files may be open.
#pragma once

#include <cstddef>
#include <string>

#include "engine/io/file_system.h"
#include "minikv/options.h"
#include "minikv/status.h"

namespace minikv::engine {

// kInvalidArgument: the message names the option and its range.
Status check_options(const Options& options);

// Refuses a directory that holds something else, before a lock file is put into it (kRefused). Makes a
// directory that is not there, if `create`. kNotFound: there is no store, and `create` is false.
Status check_directory(FileSystem& file_system, const std::string& directory, bool create);

// How many descriptors the store may have. kRefused: the process may not open as many as a store needs.
Result<std::size_t> find_descriptors(const FileSystem& file_system, const std::string& directory,
                                     const Options& options);

}  // namespace minikv::engine
