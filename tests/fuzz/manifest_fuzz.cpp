// Manifests of arbitrary bytes: decoding them, loading them from a file, and opening a small store with them
// never ends in a crash, nor takes more memory than the bytes account for. The first byte of the input says
// whether the checksum is put right and what is accepted, the second how the rest is made a file.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "engine/format/manifest.h"
#include "tests/fuzz/checksums.h"
#include "tests/fuzz/sim_store.h"
#include "tests/fuzz/target.h"
#include "tests/support/sim_run.h"

namespace minikv::fuzz {
namespace {

using engine::Manifest;

const std::string kManifestPath = std::string(sim::kStoreDirectory) + "/MANIFEST";

const Manifest& small_manifest() {
  static const Manifest manifest = [] {
    const std::string bytes = small_store().contents(kManifestPath);
    return *engine::decode_manifest(bytes);
  }();
  return manifest;
}

// Who the store and its segments are is a matter of chance, in each process anew: zeros stand for what is
// right.
void fill_in_identities(std::string& bytes) {
  if (bytes.size() < sizeof(engine::ManifestHeader)) return;
  engine::ManifestHeader header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.store_id[0] == 0) header.store_id = small_manifest().store_id;
  std::memcpy(bytes.data(), &header, sizeof(header));
  for (std::size_t at = sizeof(header); at + sizeof(engine::ManifestSegment) <= bytes.size();
       at += sizeof(engine::ManifestSegment)) {
    engine::ManifestSegment entry;
    std::memcpy(&entry, bytes.data() + at, sizeof(entry));
    if (entry.id > engine::kMaxSegmentId) continue;
    const Manifest right = small_manifest();
    const engine::ManifestSegment* known = right.find(id_of(entry));
    if (known == nullptr) continue;
    if (entry.salt == 0) entry.salt = known->salt;
    if (entry.size == 0) entry.size = known->size;
    if (entry.kind == engine::SegmentKind{}) entry.kind = known->kind;
    std::memcpy(bytes.data() + at, &entry, sizeof(entry));
  }
}

void decode(std::string_view bytes) {
  const auto manifest = engine::decode_manifest(bytes);
  if (!manifest) {
    require(manifest.code() == StatusCode::kCorruption || manifest.code() == StatusCode::kRefused);
    return;
  }
  require(manifest->segments.size() * sizeof(engine::ManifestSegment) <= bytes.size());
  const std::string encoded = engine::encode_manifest(*manifest);
  const auto again = engine::decode_manifest(encoded);
  require(again.is_ok() && engine::encode_manifest(*again) == encoded);
}

// Two copies of equal length, as the file has them; or the bytes as they are.
std::string file_of(const std::string& bytes, unsigned layout) {
  if (layout % 4 == 0) return bytes;
  const std::size_t room = engine::align_up(bytes.size()) + layout;
  std::string first = bytes, second = bytes;
  if (layout % 4 == 2 && !first.empty()) first[first.size() / 2] ^= 1;
  if (layout % 4 == 3) second.clear();
  first.resize(room);
  second.resize(room);
  return first + second;
}

void load(const std::string& contents) {
  sim::SimDisk disk;
  disk.put(kManifestPath, contents);
  sim::SimFileSystem file_system(disk);
  engine::ManifestFile file(file_system, sim::kStoreDirectory);
  std::string note;
  auto manifest = file.load(&note);
  if (!manifest) return;
  require(file.commit(*manifest).is_ok());
  engine::ManifestFile reread(file_system, sim::kStoreDirectory);
  const auto again = reread.load(nullptr);
  require(again.is_ok() && engine::encode_manifest(*again) == engine::encode_manifest(*manifest));
}

}  // namespace

const std::size_t kChoices = 2;

void try_input(Input input) {
  const unsigned mode = input.choices[0];
  if ((mode & 1) != 0) {
    fill_in_identities(input.bytes);
    fix_manifest(input.bytes);
  }
  decode(input.bytes);
  const std::string contents = file_of(input.bytes, input.choices[1]);
  load(contents);
  sim::SimDisk disk = small_store();
  disk.put(kManifestPath, contents);
  exercise(std::move(disk), options_of(mode));
}

}  // namespace minikv::fuzz
