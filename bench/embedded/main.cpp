// minikv's library beside other embedded stores. bench/README.md describes the comparison.
#include <benchmark/benchmark.h>

#include "bench/embedded/cells.h"
#include "bench/support/program.h"

int main(int argc, char** argv) {
  using namespace minikv::bench;
  return run_program(argc, argv, "embedded", [] {
    for (const RivalKind& kind : rivals()) benchmark::AddCustomContext(kind.name, kind.description);
    for (const RivalKind& kind : rivals()) register_writes(kind);
    for (const RivalKind& kind : rivals()) register_reads(kind);
    register_check_alone();
  });
}
