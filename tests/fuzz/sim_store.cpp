// Opens and uses a store that was meddled with; an answer that damage does not explain ends the process.
#include "tests/fuzz/sim_store.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "tests/support/sim_run.h"

namespace minikv::fuzz {
namespace {

void expect_explicit(const Status& status, const char* what) {
  switch (status.code()) {
    case StatusCode::kOk:
    case StatusCode::kNotFound:
    case StatusCode::kCorruption:
    case StatusCode::kIoError:
    case StatusCode::kDiskFull:
    case StatusCode::kReadOnly:
    case StatusCode::kRefused: return;
    default: break;
  }
  std::fprintf(stderr, "%s: %s\n", what, status.message().c_str());
  std::abort();
}

void read_everything(const Store& store) {
  ScanOptions options;
  options.limit = 5;
  for (;;) {
    const ScanPage page = store.scan(options);
    for (const ScanItem& item : page.items) {
      expect_explicit(item.status, "scan");
      expect_explicit(store.get(item.key).status(), "get");
      options.after = item.key;
    }
    if (!page.more || page.items.empty()) return;
  }
}

}  // namespace

const sim::SimDisk& small_store() {
  static const sim::SimDisk disk = [] {
    sim::SimRun run;
    bool went_well = run.open().is_ok();
    for (int i = 0; i < 12; ++i) {
      const sim::ModelBatch batch = {{"key" + std::to_string(i % 5), std::string(700, 'v')},
                                     {"d", std::nullopt}};
      went_well = run.write(batch).is_ok() && went_well;
      if (i == 6) went_well = run.compact().is_ok() && went_well;
    }
    if (!went_well) std::abort();
    run.kill();
    return run.file_system().disk().after_crash(sim::CrashMode::kKeepAll);
  }();
  return disk;
}

Options options_of(unsigned mode) {
  Options options = sim::sim_options();
  options.accept_data_loss = (mode & 2) != 0;
  options.accept_clock_jump = (mode & 4) != 0;
  return options;
}

void exercise(sim::SimDisk disk, Options options, Compaction compaction) {
  const std::uint64_t before = disk.fingerprint();
  sim::SimRun run(std::move(options), std::move(disk));
  if (const Status opened = run.open(); !opened) {
    expect_explicit(opened, "open");
    if (opened.code() == StatusCode::kRefused && run.file_system().disk().fingerprint() != before) {
      std::fprintf(stderr, "refused, but changed: %s\n", opened.message().c_str());
      std::abort();
    }
    return;
  }
  read_everything(*run.store());
  expect_explicit(run.write({{"a", "1"}, {"b", std::nullopt}}), "write");
  if (compaction == Compaction::kYes) expect_explicit(run.compact(), "compact");
  read_everything(*run.store());
  expect_explicit(run.close(), "close");
  if (const Status again = run.open(); !again) {
    expect_explicit(again, "open again");
  } else {
    read_everything(*run.store());
  }
}

}  // namespace minikv::fuzz
