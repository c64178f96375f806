// What a transaction keeps of its requests until EXEC.
#include "server/request/multi.h"

#include <cassert>
#include <span>
#include <utility>

namespace minikv::server {

namespace {

constexpr std::size_t kQueuedOverheadBytes = 64;

bool is_walk(protocol::CommandId command) {
  using enum protocol::CommandId;
  return command == kKeys || command == kList || command == kRange || command == kScan ||
         command == kRandomKey;
}

}  // namespace

std::size_t Multi::bytes_of(const protocol::RequestView& request) {
  std::size_t bytes = kQueuedOverheadBytes + request.args.size() * sizeof(protocol::Arg);
  bytes += request.verb.size() + request.subcommand.size();
  for (const protocol::Arg& arg : request.args) bytes += arg.bytes.size();
  return bytes;
}

void Multi::add(const protocol::RequestView& request, std::size_t bytes, std::vector<Block> blocks) {
  assert(!spoiled_ && request.dialect == dialect_ && bytes == bytes_of(request));
  ArgumentArena kept(std::move(blocks));
  const std::span<protocol::Arg> args = arena_.copy_all(request.args);
  for (protocol::Arg& arg : args) {
    if (!kept.has(arg.bytes)) arg.bytes = arena_.copy(arg.bytes);
  }
  queued_.push_back({request.command, arena_.copy(request.verb), arena_.copy(request.subcommand), args.data(),
                     args.size()});
  bytes_ += bytes;
  walks_ |= is_walk(request.command->id);
  if (kept.capacity() == 0) return;
  block_bytes_ += kept.capacity();
  blocks_.push_back(std::move(kept));
}

protocol::RequestView Multi::get(std::size_t i) const {
  assert(i < queued_.size());
  const Queued& queued = queued_[i];
  return {dialect_, queued.command, queued.verb, queued.subcommand, std::span(queued.args, queued.count)};
}

}  // namespace minikv::server
