// The names of the calls, and which of them change the disk.
#include "tests/support/sim_call.h"

#include <fmt/format.h>

namespace minikv::sim {
namespace {

const char* name_of(SimCall::Kind kind) {
  switch (kind) {
    case SimCall::Kind::kOpen: return "open";
    case SimCall::Kind::kCreate: return "create";
    case SimCall::Kind::kSize: return "size";
    case SimCall::Kind::kRead: return "read";
    case SimCall::Kind::kReadCached: return "read_cached";
    case SimCall::Kind::kWrite: return "write";
    case SimCall::Kind::kSync: return "sync";
    case SimCall::Kind::kTruncate: return "truncate";
    case SimCall::Kind::kAllocate: return "allocate";
    case SimCall::Kind::kDropCache: return "drop_cache";
    case SimCall::Kind::kMap: return "map";
    case SimCall::Kind::kCopy: return "copy";
    case SimCall::Kind::kRename: return "rename";
    case SimCall::Kind::kRemove: return "remove";
    case SimCall::Kind::kCreateDir: return "create_dir";
    case SimCall::Kind::kSyncDir: return "sync_dir";
    case SimCall::Kind::kList: return "list";
    case SimCall::Kind::kLock: return "lock";
    case SimCall::Kind::kFreeSpace: return "free_space";
  }
  return "?";
}

}  // namespace

bool SimCall::changes_disk() const {
  switch (kind) {
    case Kind::kCreate:
    case Kind::kWrite:
    case Kind::kSync:
    case Kind::kTruncate:
    case Kind::kAllocate:
    case Kind::kRename:
    case Kind::kRemove:
    case Kind::kCreateDir:
    case Kind::kSyncDir:
    case Kind::kLock: return true;
    default: return false;
  }
}

std::string SimCall::describe() const {
  std::string text = fmt::format("call {}: {} {}", number, name_of(kind), path);
  switch (kind) {
    case Kind::kRead:
    case Kind::kReadCached:
    case Kind::kWrite:
    case Kind::kCopy: return text + fmt::format(" {}+{}", offset, length);
    case Kind::kTruncate:
    case Kind::kAllocate:
    case Kind::kMap: return text + fmt::format(" {}", length);
    case Kind::kRename: return text + " to " + to;
    default: return text;
  }
}

}  // namespace minikv::sim
