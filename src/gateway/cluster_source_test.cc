#include "gateway/cluster_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/mutex.h"
#include "gateway/detail/cluster_kinds.h"
#include "kube/fake_client_for_test.h"

namespace rage::gateway {
namespace {

using codec::Json;
using testing::HasSubstr;

const apis::ResourceType& type_of(std::string_view kind) {
  for (const detail::ClusterKind& known : detail::cluster_kinds()) {
    if (known.type.kind == kind) return known.type;
  }
  ADD_FAILURE() << kind;
  return detail::cluster_kinds().front().type;
}

Json named(std::string name, std::string ns = "default") {
  return {{"metadata", {{"name", std::move(name)}, {"namespace", std::move(ns)}}},
          {"spec", Json::object()}};
}

// A cluster that serves everything but `missing`.
void serve_kinds(kube::FakeKubeClient& client, std::string_view missing = "") {
  std::map<std::string, Json> lists;
  for (const detail::ClusterKind& kind : detail::cluster_kinds()) {
    if (kind.type.kind == missing) continue;
    lists[kind.type.api_version()].push_back({{"name", kind.type.plural}});
  }
  for (const auto& [version, list] : lists) {
    const std::string root = version == "v1" ? "/api/" : "/apis/";
    client.set_raw(root + version, codec::render_json({{"resources", list}}));
  }
}

class ClusterSourceTest : public testing::Test {
 protected:
  Result<void> start() {
    source_ = ClusterSource::create(client_, clock_, {.settle = std::chrono::milliseconds(1)});
    return source_->start(
        Context::with_timeout(std::chrono::seconds(10)),
        [this](const gatewayapi::World& world) { world_.with([&](auto& kept) { kept = world; }); });
  }
  bool has_service(const std::string& name) const {
    return world_.with(
        [&](const auto& world) { return world.services.contains({"default", name}); });
  }

  SystemClock clock_;
  kube::FakeKubeClient client_;
  Guarded<gatewayapi::World> world_;
  std::unique_ptr<ClusterSource> source_;
};

TEST_F(ClusterSourceTest, TellsOfAllThereIsAndOfEachChange) {
  serve_kinds(client_);
  client_.seed(type_of("Service"), named("first"));
  ASSERT_TRUE(start());
  EXPECT_TRUE(has_service("first"));
  client_.seed(type_of("Service"), named("second"));
  while (!has_service("second")) std::this_thread::yield();
  (void)client_.remove({}, type_of("Service"), {"default", "first"});
  while (has_service("first")) std::this_thread::yield();
}

// Many clusters have neither GRPCRoutes nor InferencePools; their gateway must start all the same.
TEST_F(ClusterSourceTest, KindsThatAreMissingAreDoneWithout) {
  serve_kinds(client_, "InferencePool");
  EXPECT_TRUE(start());
}

TEST_F(ClusterSourceTest, WithoutTheGatewayApiItSaysWhatToInstall) {
  serve_kinds(client_, "HTTPRoute");
  const auto started = start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("httproutes"));
}

TEST_F(ClusterSourceTest, StatusesAreWrittenWhole) {
  const apis::ResourceType& type = type_of("HTTPRoute");
  const Json stored = client_.seed(type, named("route"));
  gatewayapi::StatusChange change{
      .api_version = type.api_version(),
      .kind = type.kind,
      .plural = type.plural,
      .object = {"default", "route"},
      .resource_version = stored["metadata"]["resourceVersion"].get<std::string>(),
      .status = {{"parents", Json::array({{{"controllerName", "rage.dev/gateway"}}})}}};
  EXPECT_EQ(write_statuses(client_, {change}), 1U);
  EXPECT_EQ(client_.peek(type, {"default", "route"})["status"], change.status);
  EXPECT_EQ(write_statuses(client_, {change}), 0U);  // Another version is there by now.
}

}  // namespace
}  // namespace rage::gateway
