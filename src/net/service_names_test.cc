#include "net/detail/service_names.h"

#include <gmock/gmock.h>

#include <chrono>

#include "base/files.h"

namespace rage::net::detail {
namespace {

// A program that says http://agent.default.svc/ on a cluster says so here, too.
TEST(ServiceKey, TakesTheNamesThatAClustersDnsKnows) {
  EXPECT_EQ(service_key("agent", "demo"), "agent.demo");
  EXPECT_EQ(service_key("Agent.other", "demo"), "agent.other");
  EXPECT_EQ(service_key("agent.other.svc", "demo"), "agent.other");
  EXPECT_EQ(service_key("agent.other.svc.cluster.local", "demo"), "agent.other");
  EXPECT_EQ(service_key("agent.other.svc.cluster.local.", "demo"), "agent.other");
  EXPECT_EQ(service_key("huggingface.co", "demo"), "huggingface.co");  // Not in the file, then.
  EXPECT_EQ(service_key("a.b.example", "demo"), "");
  EXPECT_EQ(service_key("", "demo"), "");
}

TEST(ServiceNames, ReadsTheFileAgainWhenItChanged) {
  const auto folder = *TemporaryDirectory::create("services");
  const auto file = folder->path() / "services.json";
  const ServiceNames names(file, "demo");
  EXPECT_EQ(names.find("rag", 80), std::nullopt);
  ASSERT_TRUE(
      write_file_atomically(file, R"({"services":[{"name":"rag","namespace":"demo","port":80,
               "address":"127.96.0.9","local_port":40080}]})"));
  EXPECT_EQ(names.find("rag", 80), "127.96.0.9:40080");
  EXPECT_EQ(names.find("rag", 81), std::nullopt);
  EXPECT_EQ(names.find("rag.other", 80), std::nullopt);
  ASSERT_TRUE(
      write_file_atomically(file, R"({"services":[{"name":"rag","namespace":"demo","port":80,
               "address":"127.96.0.10","local_port":80}]})"));
  EXPECT_EQ(names.find("rag.demo.svc", 80), "127.96.0.10:80");
  ASSERT_TRUE(write_file_atomically(file, "half a fi"));
  EXPECT_EQ(names.find("rag", 80), "127.96.0.10:80");  // What was known stays.
}

}  // namespace
}  // namespace rage::net::detail
