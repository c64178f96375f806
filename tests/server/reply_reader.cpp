// Reads as many lines and bytes as a reply announces.
#include "tests/server/reply_reader.h"

#include <cstddef>
#include <string_view>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace minikv::server {

std::string read_reply(TestClient& client) {
  const std::string head = client.read_line();
  std::string all = head + "\r\n";
  if (head.empty()) {
    ADD_FAILURE() << "a reply that is empty, or none";
    return all;
  }
  const char type = head.front();
  if (std::string_view("+-:,#(_").find(type) != std::string_view::npos) return all;
  const long count = std::stol(head.substr(1));
  if (type == '$' || type == '=') {
    if (count >= 0) all += client.read(static_cast<std::size_t>(count) + 2);
    return all;
  }
  EXPECT_NE(std::string_view("*~%>").find(type), std::string_view::npos) << "not RESP: " << head;
  for (long left = type == '%' ? 2 * count : count; left > 0; --left) all += read_reply(client);
  return all;
}

std::string read_bulk_string(TestClient& client) {
  const std::string reply = read_reply(client);
  const std::size_t begin = reply.find("\r\n") + 2;
  return begin + 2 <= reply.size() ? reply.substr(begin, reply.size() - begin - 2) : "";
}

std::string client_info(TestClient& client) {
  client.send(resp({"CLIENT", "INFO"}));
  return read_bulk_string(client);
}

std::string client_line(TestClient& client, std::string_view name) {
  client.send(resp({"CLIENT", "LIST"}));
  const std::string list = read_bulk_string(client);
  const std::size_t at = list.find(fmt::format(" name={} ", name));
  if (at == std::string::npos) return "";
  const std::size_t begin = list.rfind('\n', at) + 1;  // the first line begins where nothing is found
  return list.substr(begin, list.find('\n', at) - begin);
}

std::string client_field(const std::string& line, std::string_view name) {
  const std::string wanted = fmt::format(" {}=", name);
  const std::size_t at = (" " + line).find(wanted);
  if (at == std::string::npos) return "?";
  const std::string rest = (" " + line).substr(at + wanted.size());
  return rest.substr(0, rest.find_first_of(" \n"));
}

}  // namespace minikv::server
