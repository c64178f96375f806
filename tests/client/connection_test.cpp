// A connection to a server that is missing, silent, slow or of another kind, and to one that answers.
#include "client/lib/connection.h"

#include <future>
#include <string>
#include <thread>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/fake_server.h"

namespace minikv::client {
namespace {

using test::FakeServer;
using test::Peer;
using testing::HasSubstr;
using namespace std::chrono_literals;

Connection connection_to(const FakeServer& server, Timeouts timeouts = {}) {
  return Connection({"127.0.0.1", server.port()}, timeouts);
}

Error error_of(const std::variant<Reply, Error>& answer) {
  EXPECT_TRUE(std::holds_alternative<Error>(answer));
  return std::holds_alternative<Error>(answer) ? std::get<Error>(answer) : Error{};
}

TEST(ConnectionTest, SaysWhereAndWhyItCannotConnect) {
  FakeServer nobody({});
  Connection connection = connection_to(nobody);
  const std::optional<Error> error = connection.connect();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, Error::Kind::kCannotConnect);
  EXPECT_THAT(error->message, HasSubstr("127.0.0.1:" + std::to_string(nobody.port())));
  EXPECT_THAT(error->message, HasSubstr("Connection refused"));
  EXPECT_THAT(error->message, HasSubstr("--port"));
  EXPECT_FALSE(connection.is_alive());
}

TEST(ConnectionTest, SaysWhichHostItCannotFind) {
  Connection connection({"no such host", 1}, {});
  const std::optional<Error> error = connection.connect();
  ASSERT_TRUE(error);
  EXPECT_THAT(error->message, HasSubstr("no such host:1"));
}

TEST(ConnectionTest, SaysThePasswordFirst) {
  FakeServer server({[](Peer& peer) {
    EXPECT_EQ(peer.read_line(), "auth default \"two \\\"words\"");
    peer.send("+OK\r\n");
    EXPECT_EQ(peer.read_line(), "ping");
    peer.send("+PONG\r\n");
    peer.read_all();
  }});
  Connection connection({"127.0.0.1", server.port(), "two \"words"}, {});
  ASSERT_FALSE(connection.connect());
  ASSERT_FALSE(connection.send("ping\r\n"));
  const auto answer = connection.receive();
  ASSERT_TRUE(std::holds_alternative<Reply>(answer));
  EXPECT_EQ(std::get<Reply>(answer).kind, Reply::Kind::kPong);
}

TEST(ConnectionTest, SaysThatThePasswordIsNotTaken) {
  FakeServer server({[](Peer& peer) {
    peer.read_line();
    peer.send("-WRONGPASS not that one\r\n");
    peer.read_all();
  }});
  Connection connection({"127.0.0.1", server.port(), "wrong"}, {});
  const std::optional<Error> error = connection.connect();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, Error::Kind::kRefused);
  EXPECT_THAT(error->message, HasSubstr("does not take the password: not that one"));
  EXPECT_FALSE(connection.is_alive());
}

TEST(ConnectionTest, GivesRepliesInOrderHoweverTheyArrive) {
  FakeServer server({[](Peer& peer) {
    EXPECT_EQ(peer.read_line(), "one");
    EXPECT_EQ(peer.read_line(), "two");
    peer.send("+INT 1\r\n+VAL");
    peer.send("UE 3 1\r\nab");
    peer.send("c\r\n");
    peer.read_all();
  }});
  Connection connection = connection_to(server);
  ASSERT_FALSE(connection.connect());
  ASSERT_FALSE(connection.send("one\r\ntwo\r\n"));
  EXPECT_EQ(std::get<Reply>(connection.receive()).integer, 1);
  EXPECT_EQ(std::get<Reply>(connection.receive()).text, "abc");
}

TEST(ConnectionTest, GivesUpOnASilentServer) {
  FakeServer server({[](Peer& peer) { peer.read_all(); }});
  Connection connection = connection_to(server, {.reply = 20ms});
  ASSERT_FALSE(connection.connect());
  ASSERT_FALSE(connection.send("get k\r\n"));
  const Error error = error_of(connection.receive());
  EXPECT_EQ(error.kind, Error::Kind::kTimeout);
  EXPECT_THAT(error.message, HasSubstr("0.02 s"));
  EXPECT_FALSE(connection.is_alive());
}

TEST(ConnectionTest, GivesUpOnAServerThatTakesNothing) {
  std::promise<void> over;
  FakeServer server({[&](Peer&) { over.get_future().wait(); }});
  Connection connection = connection_to(server, {.reply = 20ms});
  ASSERT_FALSE(connection.connect());
  const std::optional<Error> error = connection.send(std::string(64U << 20, 'x'));
  over.set_value();
  ASSERT_TRUE(error);
  EXPECT_EQ(error->kind, Error::Kind::kTimeout);
}

TEST(ConnectionTest, PatienceHasNoLimitWhereItIsAskedFor) {
  FakeServer server({[](Peer& peer) {
    peer.read_line();
    std::this_thread::sleep_for(60ms);  // longer than the limit
    peer.send("+OK\r\n");
    peer.read_all();
  }});
  Connection connection = connection_to(server, {.reply = 20ms});
  ASSERT_FALSE(connection.connect());
  ASSERT_FALSE(connection.send("compact\r\n"));
  EXPECT_TRUE(std::holds_alternative<Reply>(connection.receive(Connection::Patience::kUnlimited)));
}

TEST(ConnectionTest, GivesWhatTheServerSaidBeforeItWentAway) {
  FakeServer server({[](Peer& peer) { peer.send("-MAXCLIENTS too many\r\n"); }});
  Connection connection = connection_to(server);
  ASSERT_FALSE(connection.connect());
  const std::variant<Reply, Error> first = connection.receive();
  ASSERT_TRUE(std::holds_alternative<Reply>(first));
  EXPECT_EQ(std::get<Reply>(first).code, "MAXCLIENTS");
  const Error error = error_of(connection.receive());
  EXPECT_EQ(error.kind, Error::Kind::kLost);
  EXPECT_THAT(error.message, HasSubstr("lost"));
}

TEST(ConnectionTest, HalfAReplyIsALostConnection) {
  FakeServer server({[](Peer& peer) { peer.send("+VALUE 5 1\r\nAl"); }});
  Connection connection = connection_to(server);
  ASSERT_FALSE(connection.connect());
  EXPECT_EQ(error_of(connection.receive()).kind, Error::Kind::kLost);
}

TEST(ConnectionTest, KnowsThatWhatAnswersIsNoMinikvServer) {
  FakeServer server({[](Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.read_all();
  }});
  Connection connection = connection_to(server);
  ASSERT_FALSE(connection.connect());
  const Error error = error_of(connection.receive());
  EXPECT_EQ(error.kind, Error::Kind::kMalformed);
  EXPECT_THAT(error.message, HasSubstr("HTTP/1.1 400"));
}

// A server that answers before it reads on must not make both sides wait for the other to read.
TEST(ConnectionTest, TakesRepliesInWhileItSends) {
  constexpr int kReplies = 32;
  constexpr std::size_t kMegabyte = 1U << 20;
  FakeServer server({[](Peer& peer) {
    const std::string reply = "+VALUE 1048576 1\r\n" + std::string(kMegabyte, 'v') + "\r\n";
    for (int i = 0; i < kReplies; ++i) EXPECT_TRUE(peer.send(reply));
    EXPECT_EQ(peer.read_all().size(), 32 * kMegabyte);
  }});
  Connection connection = connection_to(server);
  ASSERT_FALSE(connection.connect());
  ASSERT_FALSE(connection.send(std::string(32 * kMegabyte, 'x')));
  for (int i = 0; i < kReplies; ++i) {
    const std::variant<Reply, Error> answer = connection.receive();
    ASSERT_TRUE(std::holds_alternative<Reply>(answer)) << i;
    EXPECT_EQ(std::get<Reply>(answer).text.size(), kMegabyte);
  }
}

TEST(ConnectionTest, ConnectsAgainWithoutAnythingLeftOfTheFirst) {
  FakeServer server({[](Peer& peer) { peer.send("+OK stale\r\n+VALUE 100 1\r\nhalf"); },
                     [](Peer& peer) {
                       peer.read_line();
                       peer.send("+OK fresh\r\n");
                       peer.read_all();
                     }});
  Connection connection = connection_to(server);
  ASSERT_FALSE(connection.connect());
  EXPECT_EQ(std::get<Reply>(connection.receive()).text, "stale");
  ASSERT_FALSE(connection.connect());
  ASSERT_FALSE(connection.send("x\r\n"));
  EXPECT_EQ(std::get<Reply>(connection.receive()).text, "fresh");
  EXPECT_TRUE(connection.is_alive());
}

TEST(EndpointTest, WritesAnIpv6AddressInBrackets) {
  EXPECT_EQ((Endpoint{"::1", 7379}).text(), "[::1]:7379");
  EXPECT_EQ((Endpoint{"localhost", 7379}).text(), "localhost:7379");
}

}  // namespace
}  // namespace minikv::client
