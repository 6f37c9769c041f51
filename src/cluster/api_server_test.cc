#include "cluster/api_server.h"

#include <gmock/gmock.h>

#include "apis/kinds.h"
#include "base/files.h"
#include "cluster/janitor.h"
#include "codec/json_for_test.h"
#include "kube/client.h"
#include "kube/informer.h"
#include "kube/kubeconfig.h"

namespace rage::cluster {
namespace {

using namespace std::chrono_literals;
using codec::json_of;

// The real server on a free port, and our own client, which must work against it unchanged.
class ApiServerTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = TemporaryDirectory::create("cluster-api");
    ASSERT_TRUE(folder.has_value());
    folder_ = *std::move(folder);
    auto store = ResourceStore::open(folder_->path() / "cluster.db");
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = *std::move(store);
    auto objects = Objects::create(*store_, clock_);
    ASSERT_TRUE(objects.has_value()) << objects.error().message;
    objects_ = *std::move(objects);
    auto server = ApiServer::create(*objects_, clock_, {.requests_max = 16});
    ASSERT_TRUE(server.has_value()) << server.error().message;
    server_ = *std::move(server);
    janitor_ = std::make_unique<Janitor>(*objects_, clock_);
    transport_ = net::make_http_transport();
    client_ = kube::make_kube_client(
        *transport_, clock_, {.server = "http://127.0.0.1:" + std::to_string(server_->port())});
  }

  Context context_ = Context::with_timeout(10s);
  SystemClock clock_;
  std::unique_ptr<TemporaryDirectory> folder_;
  std::unique_ptr<ResourceStore> store_;
  std::unique_ptr<Objects> objects_;
  std::unique_ptr<Janitor> janitor_;
  std::unique_ptr<ApiServer> server_;
  std::unique_ptr<net::HttpTransport> transport_;
  std::unique_ptr<kube::KubeClient> client_;
};

const apis::ResourceType& config_maps() {
  return apis::builtin_type("ConfigMap");
}

Json a_config_map(const char* name, const char* value) {
  return json_of(fmt::format(R"({{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{}",
      "namespace":"default"}},"data":{{"k":"{}"}}}})",
                             name, value));
}

// Two controllers that write from the same version must not overwrite each other.
TEST_F(ApiServerTest, RefusesAWriteFromAnOldVersion) {
  auto made = client_->create(context_, config_maps(), a_config_map("a", "1"));
  ASSERT_TRUE(made.has_value()) << made.error().message;
  Json first = *made;
  first["data"]["k"] = "2";
  ASSERT_TRUE(client_->update(context_, config_maps(), first).has_value());
  auto second = client_->update(context_, config_maps(), first);
  ASSERT_FALSE(second.has_value());
  EXPECT_TRUE(kube::is_conflict(second.error())) << second.error().message;
  EXPECT_EQ(client_->create(context_, config_maps(), a_config_map("a", "1")).error().code,
            ErrorCode::kAlreadyExists);
}

// Everything of ours sees the cluster through informers.
TEST_F(ApiServerTest, AnInformerSeesEveryChange) {
  kube::Informer informer(*client_, clock_, config_maps());
  Guarded<std::vector<std::string>> told;
  CondVar changed;
  Mutex mutex;
  informer.on_change([&](const kube::Change& change) {
    told.with([&](auto& list) {
      const char* what = !change.before ? "+" : !change.after ? "-" : "~";
      list.push_back(what + change.latest().meta().name);
    });
    MutexLock lock(mutex);
    changed.notify_all();
  });
  ASSERT_TRUE(client_->create(context_, config_maps(), a_config_map("a", "1")).has_value());
  informer.start();
  ASSERT_TRUE(informer.wait_synced(context_).has_value());
  ASSERT_TRUE(client_->create(context_, config_maps(), a_config_map("b", "1")).has_value());
  ASSERT_TRUE(client_
                  ->patch(context_, config_maps(), {.ns = "default", .name = "b"},
                          kube::PatchType::kMerge, json_of(R"({"data":{"k":"2"}})"))
                  .has_value());
  ASSERT_TRUE(client_->remove(context_, config_maps(), {.ns = "default", .name = "a"}).has_value());
  {
    MutexLock lock(mutex);
    while (told.with([](auto& list) { return list.size() < 4; })) {
      ASSERT_EQ(changed.wait_until(mutex, *context_.deadline), std::cv_status::no_timeout);
    }
  }
  EXPECT_THAT(told.with([](auto& list) { return list; }),
              testing::ElementsAre("+a", "+b", "~b", "-a"));
}

// What an operator no longer states must go; what others set must stay.
TEST_F(ApiServerTest, ApplyTakesAwayWhatIsNoLongerStated) {
  Json wanted = a_config_map("a", "1");
  wanted["data"]["gone"] = "x";
  ASSERT_TRUE(client_->apply(context_, config_maps(), wanted).has_value());
  ASSERT_TRUE(client_
                  ->patch(context_, config_maps(), {.ns = "default", .name = "a"},
                          kube::PatchType::kMerge, json_of(R"({"data":{"theirs":"y"}})"))
                  .has_value());
  auto applied = client_->apply(context_, config_maps(), a_config_map("a", "2"));
  ASSERT_TRUE(applied.has_value()) << applied.error().message;
  EXPECT_EQ((*applied)["data"].dump(), R"({"k":"2","theirs":"y"})");
  auto again = client_->apply(context_, config_maps(), a_config_map("a", "2"));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)["metadata"]["resourceVersion"], (*applied)["metadata"]["resourceVersion"]);
}

// A deleted Workspace must not leave its pods behind, whatever died in between.
TEST_F(ApiServerTest, WhatLostItsOwnerGoes) {
  auto owner = client_->create(context_, config_maps(), a_config_map("owner", "1"));
  ASSERT_TRUE(owner.has_value());
  Json child = a_config_map("child", "1");
  child["metadata"]["ownerReferences"] =
      json_of(fmt::format(R"([{{"apiVersion":"v1","kind":"ConfigMap","name":"owner","uid":"{}"}}])",
                          (*owner)["metadata"]["uid"].get<std::string>()));
  ASSERT_TRUE(client_->create(context_, config_maps(), child).has_value());
  ASSERT_TRUE(
      client_->remove(context_, config_maps(), {.ns = "default", .name = "owner"}).has_value());
  const ObjectId id{.resource = "/configmaps", .ns = "default", .name = "child"};
  std::int64_t seen = store_->version();
  while (store_->find(id) != nullptr) {
    ASSERT_TRUE(store_->wait_for_change(context_, seen));
    seen = store_->version();
  }
}

// kubectl and our own CLI print what the server tells them to.
TEST_F(ApiServerTest, PrintsTables) {
  ASSERT_TRUE(client_->create(context_, config_maps(), a_config_map("a", "1")).has_value());
  std::string text;
  ASSERT_TRUE(client_
                  ->stream_raw(context_, "/api/v1/namespaces/default/configmaps",
                               {.accept = "application/json;as=Table;v=v1;g=meta.k8s.io"},
                               [&](std::string_view bytes) {
                                 text += bytes;
                                 return true;
                               })
                  .has_value());
  const Json table = json_of(text);
  EXPECT_EQ(table["kind"], "Table");
  EXPECT_EQ(table["rows"][0]["cells"][0], "a");
  EXPECT_EQ(table["rows"][0]["cells"][1], 1);
}

}  // namespace
}  // namespace rage::cluster
