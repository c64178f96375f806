// What is read, and what of it is not taken for more than it is.
#include "client/input.h"

#include <fcntl.h>
#include <pty.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/client/captured.h"

namespace minikv::client {
namespace {

using test::FailingInput;
using test::FedInput;
using testing::HasSubstr;
using LineKind = InputSource::Line::Kind;

struct Fed {
  FedInput pipe;
  StreamInput stream;
  explicit Fed(std::string_view bytes) : pipe(bytes), stream(pipe.fd()) { pipe.finish(); }
};

std::string value_of(const std::variant<std::string, Refusal>& read) {
  const auto* value = std::get_if<std::string>(&read);
  return value == nullptr ? "refused: " + std::get<Refusal>(read).message : *value;
}

TEST(StreamInputTest, ALastLineWithoutALineFeedIsALine) {
  Fed fed("a\nb");
  EXPECT_EQ(fed.stream.read_line("").text, "a");
  EXPECT_EQ(fed.stream.read_line("").text, "b");
  EXPECT_EQ(fed.stream.read_line("").kind, LineKind::kEnd);
}

TEST(StreamInputTest, AReadErrorIsNoEnd) {
  const int fd = open(testing::TempDir().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  StreamInput directory(fd);
  const auto line = directory.read_line("");
  EXPECT_EQ(line.kind, LineKind::kFailed);
  EXPECT_EQ(line.text, "standard input can't be read: Is a directory");
  EXPECT_EQ(value_of(StreamInput(fd).read_rest()),
            "refused: standard input can't be read: Is a directory; nothing was stored");
  EXPECT_EQ(value_of(StreamInput(fd).read_body(0)),
            "refused: standard input can't be read: Is a directory; nothing was stored");
  close(fd);
  EXPECT_EQ(StreamInput(fd).read_line("").kind, LineKind::kFailed) << "closed";
}

TEST(StreamInputTest, ALineInWhichReadingFailsIsNoLine) {
  FailingInput failing("set a 1\nset b hal");
  StreamInput stream(failing.fd());
  EXPECT_EQ(stream.read_line("").text, "set a 1");
  EXPECT_EQ(stream.read_line("").kind, LineKind::kFailed);
  EXPECT_EQ(stream.lines_read(), 1U);
}

TEST(StreamInputTest, AValueInWhichReadingFailsIsNoValue) {
  for (const std::size_t length : {3U, 4U, 9U}) {
    FailingInput failing("half");
    StreamInput stream(failing.fd());
    const auto body = stream.read_body(length);
    ASSERT_TRUE(std::holds_alternative<Refusal>(body)) << length;
    EXPECT_TRUE(std::get<Refusal>(body).loses_place);
  }
  FailingInput failing("half");
  EXPECT_THAT(value_of(StreamInput(failing.fd()).read_rest()),
              HasSubstr("refused: standard input can't be read"));
}

TEST(StreamInputTest, AValueIsItsBytesWhateverTheyAre) {
  const std::string value("a\0b\r\n\nc", 7);
  for (const char* line_end : {"\n", "\r\n", "\r", ""}) {
    Fed fed(value + line_end);
    EXPECT_EQ(value_of(fed.stream.read_body(value.size())), value);
    EXPECT_EQ(fed.stream.read_line("").kind, LineKind::kEnd);
    EXPECT_EQ(fed.stream.lines_read(), 3U);
  }
}

TEST(StreamInputTest, AValueIsFollowedByItsLineEndAndByTheNextLine) {
  Fed fed("abc\r\nnext\n");
  EXPECT_EQ(value_of(fed.stream.read_body(3)), "abc");
  EXPECT_EQ(fed.stream.read_line("").text, "next");
}

TEST(StreamInputTest, AValueOfAnotherLengthIsRefusedAndLosesThePlace) {
  for (const char* bytes : {"toolong\n", "abcd", "abc\rd\n"}) {
    Fed fed(bytes);
    const auto body = fed.stream.read_body(3);
    EXPECT_EQ(value_of(body), "refused: the value does not end after 3 bytes; nothing was stored") << bytes;
    EXPECT_TRUE(std::get<Refusal>(body).loses_place);
    EXPECT_FALSE(fed.stream.start_over());
  }
  Fed fed("ab");
  EXPECT_EQ(value_of(fed.stream.read_body(3)),
            "refused: the value ended after 2 of 3 bytes; nothing was stored");
}

TEST(StreamInputTest, ADescriptorThatDoesNotWaitIsWaitedFor) {
  FedInput pipe;
  fcntl(pipe.fd(), F_SETFL, O_NONBLOCK);
  StreamInput stream(pipe.fd());
  EXPECT_TRUE(stream.would_block());
  std::thread writer([&] {
    pipe.write("line\nrest");
    pipe.finish();
  });
  EXPECT_EQ(stream.read_line("").text, "line");
  EXPECT_EQ(value_of(stream.read_rest()), "rest");
  writer.join();
}

TEST(StreamInputTest, ALineWithoutAnEndDoesNotFillTheMemory) {
  const int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
  StreamInput stream(fd);
  while (!stream.would_block()) {
  }
  EXPECT_EQ(stream.read_line("").kind, LineKind::kFailed);
  close(fd);
}

TEST(ReadRequestTest, APutThatDoesNotSayItsLengthLosesThePlace) {
  for (const char* line : {"put", "put k", "put k x", "put k -1", "put k \"3\"", "put k 3x", "put \"k 3",
                           "put k 99999999999999999999", "put k 536870913"}) {
    Fed fed("value\n");
    const auto request = read_request(line, fed.stream);
    ASSERT_TRUE(std::holds_alternative<Refusal>(request)) << line;
    EXPECT_TRUE(std::get<Refusal>(request).loses_place) << line;
    EXPECT_THAT(std::get<Refusal>(request).message, HasSubstr("nothing was stored"));
  }
  Fed fed("value\n");
  const auto request = read_request("  PUT k 005 nx", fed.stream);
  ASSERT_TRUE(std::holds_alternative<Request>(request));
  EXPECT_EQ(std::get<Request>(request).bytes, "  PUT k 005 nx\nvalue\r\n");
}

}  // namespace
}  // namespace minikv::client
