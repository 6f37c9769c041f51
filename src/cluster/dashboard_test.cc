#include "cluster/dashboard.h"

#include <gmock/gmock.h>

namespace rage::cluster {
namespace {

// Whoever sees the page must not get more than it shows: no Secret, no way into a pod.
TEST(Dashboard, PathsThatMayBeRead) {
  for (const char* path :
       {"/api/v1/pods", "/api/v1/namespaces", "/api/v1/namespaces/a", "/api/v1/namespaces/a/pods",
        "/api/v1/namespaces/a/pods/secrets", "/api/v1/namespaces/a/pods/p/log",
        "/apis/apps/v1/deployments", "/apis/kaito.sh/v1beta1/namespaces/a/workspaces/w"}) {
    EXPECT_TRUE(is_shown_path(path)) << path;
  }
  for (const char* path :
       {"", "/", "/api", "/api/v1", "/apis/apps/v1", "/metrics", "/api/v1/secrets",
        "/api/v1/namespaces/a/secrets", "/api/v1/namespaces/a/secrets/s",
        "/api/v1/namespaces/a/pods/p/exec", "/api/v1/namespaces/a/services/s/proxy",
        "/api/v1/namespaces/a/../b/secrets", "/api/v1/namespaces//secrets",
        "/api/v1/namespaces/a/pods?watch=1", "/api/v1/namespaces/a/%73ecrets",
        "/api/v1/watch/secrets", "/api/v1/watch/secrets/log/x"}) {
    EXPECT_FALSE(is_shown_path(path)) << path;
  }
}

}  // namespace
}  // namespace rage::cluster
