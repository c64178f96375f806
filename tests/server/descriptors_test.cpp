// A process without free descriptors: clients wait, nothing spins, and they are served when there is room
// again.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "tests/server/harness.h"

namespace minikv::server {

namespace {

// Leaves this process one free descriptor, for as long as it lives.
class OneDescriptorLeft {
 public:
  OneDescriptorLeft() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::close(lowest_free);
    rlimit narrow = before_;
    narrow.rlim_cur = static_cast<rlim_t>(lowest_free) + 1;
    ::setrlimit(RLIMIT_NOFILE, &narrow);
  }
  ~OneDescriptorLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  OneDescriptorLeft(const OneDescriptorLeft&) = delete;
  OneDescriptorLeft& operator=(const OneDescriptorLeft&) = delete;

 private:
  rlimit before_{};
};

std::ptrdiff_t complaints(const TestServer& server) {
  const std::string log = server.log();
  std::ptrdiff_t found = 0;
  for (std::size_t at = 0; (at = log.find("cannot accept", at)) != std::string::npos; ++at) ++found;
  return found;
}

}  // namespace

TEST(DescriptorsTest, AcceptingPausesWhileThereIsNoneLeft) {
  TestServer server;
  TestClient before(server.port());
  ASSERT_EQ(before.ask("ping"), "+PONG");
  std::unique_ptr<TestClient> waiting;
  {
    const OneDescriptorLeft narrow;
    waiting = std::make_unique<TestClient>(server.port());  // takes the last one; the server can't accept it
    EXPECT_TRUE(eventually([&] { return complaints(server) > 0; }));
    EXPECT_EQ(before.ask("ping"), "+PONG");
  }
  EXPECT_EQ(waiting->ask("ping"), "+PONG");
  EXPECT_LE(complaints(server), 31);  // one a second at most, and eventually() takes 30 s at most
}

}  // namespace minikv::server
