// Verify on hints, torn ends, and what is no store of ours.
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/format/file_names.h"
#include "engine/format/hint.h"
#include "tests/engine/tools_store.h"

namespace minikv::sim {
namespace {

using engine::Effect;
using engine::Finding;
using engine::FindingKind;
using testing::HasSubstr;
using testing::SizeIs;

TEST(ToolsVerifyHintTest, AHintThatDoesNotFitIsOnlyACache) {
  const MadeStore made = make_store(true, true);
  const engine::ManifestSegment entry = sealed_log(made.disk);
  const std::string path = path_of(engine::hint_name(id_of(entry)));
  SimDisk damaged = made.disk;
  damaged.flip_bit(path, damaged.size(path) - 9, 0);
  SimDisk foreign = made.disk;
  foreign.put(path,
              made.disk.contents(path_of(engine::hint_name(id_of(manifest_of(made.disk).segments[0])))));
  for (const SimDisk& disk : {damaged, foreign}) {
    const auto findings = damage_in(disk);
    ASSERT_THAT(findings, SizeIs(1)) << describe(findings);
    EXPECT_EQ(findings[0].kind, FindingKind::kHint);
    EXPECT_EQ(findings[0].effect, Effect::kNothingLost);
  }
}

// A hint that checks out and says something else than its segment would be believed by the next start.
TEST(ToolsVerifyHintTest, AHintThatContradictsItsSegmentIsFound) {
  MadeStore made = make_store(true, true);
  const engine::Manifest manifest = manifest_of(made.disk);
  const engine::ManifestSegment entry = sealed_log(made.disk);
  const engine::HintIdentity identity = engine::hint_identity(manifest.store_id, entry);
  SimFileSystem files(made.disk);
  const std::string path = path_of(engine::hint_name(id_of(entry)));
  ASSERT_TRUE(files.remove(path).is_ok());
  auto file = files.open(path, engine::OpenMode::kCreate);
  ASSERT_TRUE(file.is_ok());
  ASSERT_TRUE(engine::HintBuilder().write(identity, **file).is_ok());  // as if there were no records
  const auto findings = damage_in(files.disk());
  ASSERT_FALSE(findings.empty());
  for (const Finding& finding : findings) EXPECT_EQ(finding.kind, FindingKind::kHint);
}

TEST(ToolsVerifyTailTest, ATornEndIsSaidToBeTornAndItsRecordsAreNamed) {
  MadeStore made = make_store(false, false);
  const SeenRecord last = newest(made.disk, "last");
  made.disk.flip_bit(last.file, last.value_offset, 0);
  const auto verification = verified(made.disk);
  EXPECT_TRUE(verification.is_clean()) << describe(verification.findings);
  EXPECT_NE(find(verification.findings, FindingKind::kTornTail), nullptr);
  std::set<std::string> keys;
  for (const Finding& finding : verification.findings) {
    if (finding.kind == FindingKind::kTornRecord) keys.insert(finding.key);
  }
  EXPECT_EQ(keys, (std::set<std::string>{"key0", "last", "small"}));
}

TEST(ToolsVerifyNothingTest, ADirectoryWithoutAStoreCanNotBeChecked) {
  SimFileSystem file_system;
  EXPECT_EQ(engine::verify_store(file_system, "nowhere", {}).code(), StatusCode::kNotFound);
  ASSERT_TRUE(file_system.create_dir("empty").is_ok());
  EXPECT_EQ(engine::verify_store(file_system, "empty", {}).code(), StatusCode::kNotFound);
}

TEST(ToolsVerifyNothingTest, ANewerFormatIsNotJudged) {
  MadeStore made = make_store(true, false);
  SimFileSystem file_system(made.disk);
  engine::ManifestFile file(file_system, kStoreDirectory);
  auto manifest = file.load(nullptr);
  ASSERT_TRUE(manifest.is_ok());
  manifest->incompat_features |= 1U << 31U;
  ASSERT_TRUE(file.commit(*manifest).is_ok());
  const auto verification = engine::verify_store(file_system, kStoreDirectory, {});
  EXPECT_EQ(verification.code(), StatusCode::kRefused);
  EXPECT_THAT(verification.status().message(), HasSubstr("format version"));
}

}  // namespace
}  // namespace minikv::sim
