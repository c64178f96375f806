// Makes the stores step by step on a simulated disk, and runs verify and repair on copies of them.
#include "tests/engine/tools_store.h"

#include <algorithm>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "engine/format/hint.h"
#include "engine/format/manifest.h"
#include "engine/segment/segment.h"

namespace minikv::sim {
namespace {

Facts facts_of(const Store& store, const std::set<std::string>& keys, std::set<std::string>* corrupt) {
  Facts facts;
  for (const std::string& key : keys) {
    const auto value = store.get(key);
    if (value) {
      facts[key] = {value->data, value->version, value->expiry_ms};
    } else if (value.code() == StatusCode::kCorruption && corrupt != nullptr) {
      corrupt->insert(key);
    } else {
      EXPECT_EQ(value.code(), StatusCode::kNotFound) << key << ": " << value.status().message();
    }
  }
  return facts;
}

class Recorder final : public engine::InspectionSink {
 public:
  void record(const engine::SegmentFile& segment, const engine::RecordView& record,
              engine::RecordState) override {
    const std::uint64_t value_offset = record.offset + sizeof(engine::RecordHeader) + record.key.size();
    records.push_back(
        {fmt::format("{}/{}", kStoreDirectory, segment.name), record.offset, value_offset,
         record.offset + record.bytes(), record.header, std::string(record.key),
         record.header.type == engine::RecordType::kRangeDelete ? std::string(record.value) : ""});
  }
  std::vector<SeenRecord> records;
};

void remove_hints(SimDisk& disk) {
  for (const std::string& path : disk.files()) {
    if (path.ends_with(".hint")) disk.erase(path);
  }
}

// For the sealed segments that the store has not given one.
void add_hints(SimDisk& disk) {
  const engine::Manifest manifest = manifest_of(disk);
  const std::vector<SeenRecord> records = records_of(disk);
  SimFileSystem files(disk);
  for (const engine::ManifestSegment& entry : manifest.segments) {
    if (entry.state != engine::SegmentState::kSealed) continue;
    const std::string path = fmt::format("{}/{}", kStoreDirectory, engine::segment_name(id_of(entry)));
    const std::string hint_path = fmt::format("{}/{}", kStoreDirectory, engine::hint_name(id_of(entry)));
    if (disk.exists(hint_path)) continue;
    const std::string contents = disk.contents(path);
    engine::HintBuilder builder;
    for (const SeenRecord& record : records) {
      if (record.file != path) continue;
      builder.add(record.header, record.key,
                  std::string_view(contents).substr(record.value_offset, record.header.value_length),
                  record.offset);
    }
    builder.arrange();
    const engine::HintIdentity identity = engine::hint_identity(manifest.store_id, entry);
    auto file = files.open(hint_path, engine::OpenMode::kCreate);
    ASSERT_TRUE(file.is_ok());
    ASSERT_TRUE(builder.write(identity, **file).is_ok());
  }
  disk = files.disk().after_crash(CrashMode::kKeepAll);
}

bool speaks_of(const SeenRecord& record, const std::string& key) {
  if (record.header.type != engine::RecordType::kRangeDelete) return record.key == key;
  return record.key <= key && (record.range_end.empty() || key < record.range_end);
}

bool touches_the_old_store(const SimCall& call) {
  return call.changes_disk() && call.path.starts_with(std::string(kStoreDirectory) + "/");
}

// Of each key the newest record that speaks of it.
void note_newest(MadeStore& made) {
  for (const SeenRecord& record : records_of(made.disk)) {
    for (const std::string& key : made.keys) {
      if (speaks_of(record, key)) made.newest[key] = std::max(made.newest[key], record.header.sequence);
    }
  }
}

// Closed in order or killed, and then the power is cut.
SimDisk end_run(SimRun& run, bool closed) {
  if (closed) {
    EXPECT_TRUE(run.close().is_ok());
  } else {
    run.kill();
  }
  return run.file_system().disk().after_crash(CrashMode::kDropAll);
}

}  // namespace

std::string path_of(const std::string& name) { return std::string(kStoreDirectory) + "/" + name; }
std::string segment_path(engine::SegmentId id) { return path_of(engine::segment_name(id)); }

const engine::Finding* find(const std::vector<engine::Finding>& findings, engine::FindingKind kind) {
  const auto found = std::find_if(findings.begin(), findings.end(),
                                  [kind](const engine::Finding& finding) { return finding.kind == kind; });
  return found == findings.end() ? nullptr : &*found;
}

std::string describe(const std::vector<engine::Finding>& findings) {
  std::string text;
  for (const engine::Finding& finding : findings) {
    text += fmt::format("\n  {} {} {} {}+{} '{}' {}-{}: {}", engine::name_of(finding.kind),
                        engine::name_of(finding.effect), finding.file, finding.offset, finding.length,
                        finding.key, finding.first_sequence, finding.last_sequence, finding.what);
  }
  return text;
}

engine::ManifestSegment sealed_log(const SimDisk& disk) {
  engine::ManifestSegment found{};
  for (const engine::ManifestSegment& entry : manifest_of(disk).segments) {
    const bool fits = entry.state == engine::SegmentState::kSealed && entry.kind == engine::SegmentKind::kLog;
    if (fits && entry.max_seq > found.max_seq) found = entry;
  }
  EXPECT_NE(found.id, 0U);
  return found;
}

Options tools_options() {
  Options options = sim_options();
  options.segment_size = 2048;
  options.compaction_threshold = 0;  // what is damaged has to stay where it is
  return options;
}

MadeStore make_store(bool closed, bool with_hints) {
  MadeStore made;
  SimRun run(tools_options());
  EXPECT_TRUE(run.open().is_ok());
  const auto set = [&](const std::string& key, const std::string& value, std::int64_t expiry_ms = kNoExpiry) {
    made.keys.insert(key);
    EXPECT_TRUE(run.store()->set(key, value, expiry_ms).is_ok());
  };
  const auto expire = [&](const std::string& key, std::int64_t expiry_ms) {
    EXPECT_TRUE(run.store()->transact([&](Transaction& t) { t.set_expiry(key, expiry_ms); }).is_ok());
  };
  const auto remove = [&](const std::string& key) { EXPECT_TRUE(run.store()->remove(key).is_ok()); };
  const std::int64_t later = run.store()->now_ms() + 3'600'000;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 5; ++i) {
      set(fmt::format("key{}", i), std::string(200, static_cast<char>('a' + i + round)),
          i == 1 ? later : kNoExpiry);
    }
    set("deleted", "once here");
    set("small", fmt::format("round {}", round));
    for (const char* key : {"range/a", "range/b", "range/c"}) set(key, "to be removed with others");
    expire("key3", later + 1000);
    if (round == 0) {
      EXPECT_TRUE(run.store()->compact().is_ok());
    }
  }
  remove("deleted");
  remove("key2");
  EXPECT_TRUE(run.store()->remove_prefix("range/").is_ok());
  EXPECT_TRUE(run.close().is_ok());
  EXPECT_TRUE(run.open().is_ok());
  set("key3", std::string(301, '3'));
  remove("key4");
  set("", "of the empty key");
  set("empty", "");
  set("range/b", "newer than the range delete");
  expire("key0", later + 2000);
  made.before_last_write = facts_of(*run.store(), made.keys, nullptr);
  EXPECT_TRUE(
      run.store()->write(WriteBatch().set("key0", "newest").remove("small").set("last", "of all")).is_ok());
  made.keys.insert("last");
  made.truth = facts_of(*run.store(), made.keys, nullptr);
  made.disk = end_run(run, closed);
  with_hints ? add_hints(made.disk) : remove_hints(made.disk);
  note_newest(made);
  return made;
}

std::vector<SeenRecord> records_of(const SimDisk& disk) {
  SimFileSystem file_system(disk);
  auto files = engine::StoreFiles::open(file_system, kStoreDirectory);
  EXPECT_TRUE(files.is_ok()) << files.status().message();
  Recorder recorder;
  EXPECT_TRUE(engine::Inspection(*files, &recorder, {}).run().is_ok());
  return recorder.records;
}

SeenRecord newest(const SimDisk& disk, const std::string& key, engine::RecordType type) {
  SeenRecord found;
  for (SeenRecord& record : records_of(disk)) {
    if (record.key == key && record.header.type == type && record.header.sequence >= found.header.sequence) {
      found = std::move(record);
    }
  }
  EXPECT_NE(found.header.sequence, 0U) << key;
  return found;
}

engine::Manifest manifest_of(const SimDisk& disk) {
  auto manifest = engine::decode_manifest(disk.contents(fmt::format("{}/MANIFEST", kStoreDirectory)));
  EXPECT_TRUE(manifest.is_ok());
  return *manifest;
}

engine::Verification verified(const SimDisk& disk) {
  SimFileSystem file_system(disk);
  auto result = engine::verify_store(file_system, kStoreDirectory, {});
  EXPECT_TRUE(result.is_ok()) << result.status().message();
  for (const SimCall& call : file_system.log()) EXPECT_FALSE(call.changes_disk()) << call.describe();
  return std::move(*result);
}

std::vector<engine::Finding> damage_in(const SimDisk& disk, bool with_notes) {
  std::vector<engine::Finding> findings = verified(disk).findings;
  if (!with_notes)
    std::erase_if(findings, [](const engine::Finding& finding) { return !finding.is_damage(); });
  return findings;
}

Repaired repaired(const SimDisk& disk, const std::set<std::string>& keys, bool drop_damaged) {
  Repaired result;
  SimFileSystem file_system(disk);
  engine::RepairOptions repair_options;
  repair_options.drop_damaged = drop_damaged;
  repair_options.segment_size = 2048;
  auto report = engine::repair_store(file_system, kStoreDirectory, kNewDirectory, repair_options, {});
  EXPECT_TRUE(report.is_ok()) << report.status().message();
  if (!report) return result;
  result.report = std::move(*report);
  for (const SimCall& call : file_system.log()) EXPECT_FALSE(touches_the_old_store(call)) << call.describe();

  // What a power cut leaves of the new store is all of it.
  SimFileSystem machine(file_system.disk().after_crash(CrashMode::kDropAll));
  SimClock clock;
  Options options = tools_options();
  options.file_system = &machine;
  options.clock = &clock;
  auto store = Store::open(kNewDirectory, options);
  EXPECT_TRUE(store.is_ok()) << store.status().message();
  if (!store) return result;
  result.saved = facts_of(**store, keys, &result.corrupt);
  auto version = (*store)->set("the next", "");
  EXPECT_TRUE(version.is_ok());
  if (version) result.next_version = *version;
  EXPECT_TRUE((*store)->close().is_ok());
  return result;
}

}  // namespace minikv::sim
