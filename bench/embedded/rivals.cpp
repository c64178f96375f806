// The list of compared stores: minikv, and each other store in this build.
#include "bench/embedded/rival.h"

namespace minikv::bench {

std::vector<RivalKind> rivals() {
  std::vector<RivalKind> all = {minikv_rival()};
#ifdef MINIKV_BENCH_ROCKSDB
  all.push_back(rocksdb_rival());
#endif
#ifdef MINIKV_BENCH_LEVELDB
  all.push_back(leveldb_rival());
#endif
#ifdef MINIKV_BENCH_LMDB
  all.push_back(lmdb_rival());
#endif
  return all;
}

}  // namespace minikv::bench
