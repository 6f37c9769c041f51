#include "kube/access_review.h"

#include <gmock/gmock.h>

#include "kube/kubeconfig.h"
#include "kube/scripted_transport_for_test.h"

namespace rage::kube {
namespace {

using namespace std::chrono_literals;
using testing::SizeIs;

constexpr const char* kKnown =
    R"({"status":{"authenticated":true,"user":{"username":"prom","groups":["g"],"uid":"7"}}})";
constexpr const char* kUnknown = R"({"status":{"authenticated":false,"user":{}}})";
constexpr const char* kYes = R"({"status":{"allowed":true}})";
constexpr const char* kNo = R"({"status":{"allowed":false,"denied":true}})";

class AccessReviewerTest : public testing::Test {
 protected:
  Result<Access> ask(std::string_view authorization, std::string_view path = "/metrics") {
    return reviewer_.review({}, authorization, path, "get");
  }

  ScriptedTransport transport_;
  SkippingClock clock_;
  const std::unique_ptr<KubeClient> client_ =
      make_kube_client(transport_, clock_, {.server = "http://api"});
  AccessReviewer reviewer_{*client_, clock_, {.entries_max = 2}};
};

TEST_F(AccessReviewerTest, AsksWhoItIsAndThenWhetherTheyMay) {
  transport_.add(201, kKnown);
  transport_.add(201, kYes);
  EXPECT_EQ(*ask("Bearer secret"), Access::kAllowed);
  const auto requests = transport_.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].url, "http://api/apis/authentication.k8s.io/v1/tokenreviews");
  EXPECT_EQ((*codec::parse_json(requests[0].body))["spec"],
            *codec::parse_json(R"({"token":"secret"})"));
  EXPECT_EQ(requests[1].url, "http://api/apis/authorization.k8s.io/v1/subjectaccessreviews");
  EXPECT_EQ((*codec::parse_json(requests[1].body))["spec"],
            *codec::parse_json(R"({"nonResourceAttributes":{"path":"/metrics","verb":"get"},)"
                               R"("user":"prom","groups":["g"],"uid":"7"})"));
}

// Metrics name models and tenants; who is unknown or may not read them gets nothing.
TEST_F(AccessReviewerTest, LetsNobodyElseIn) {
  for (const char* header : {"", "Bearer", "Bearer ", "Basic eDp5", "secret"}) {
    EXPECT_EQ(*ask(header), Access::kUnauthenticated) << header;
  }
  EXPECT_THAT(transport_.requests(), SizeIs(0));
  transport_.add(201, kUnknown);
  EXPECT_EQ(*ask("Bearer stolen"), Access::kUnauthenticated);
  transport_.add(201, kKnown);
  transport_.add(201, kNo);
  EXPECT_EQ(*ask("bearer other"), Access::kForbidden);
}

TEST_F(AccessReviewerTest, NonsenseIsNoPermission) {
  transport_.add(201, "{}");
  EXPECT_EQ(*ask("Bearer a"), Access::kUnauthenticated);
  transport_.add(201, kKnown);
  transport_.add(201, R"({"status":{"allowed":"true"}})");
  EXPECT_EQ(*ask("Bearer b"), Access::kForbidden);
}

// An API server that is away must neither open the door nor be remembered as a refusal.
TEST_F(AccessReviewerTest, AFailureIsAnErrorAndIsNotRemembered) {
  transport_.add(403, R"({"kind":"Status","code":403,"reason":"Forbidden","message":"no"})");
  EXPECT_FALSE(ask("Bearer a"));
  transport_.add(201, kKnown);
  transport_.add(201, kYes);
  EXPECT_EQ(*ask("Bearer a"), Access::kAllowed);
}

TEST_F(AccessReviewerTest, BelievesAnAnswerForAWhile) {
  transport_.add(201, kKnown);
  transport_.add(201, kYes);
  EXPECT_EQ(*ask("Bearer a"), Access::kAllowed);
  clock_.advance(59s);
  EXPECT_EQ(*ask("Bearer a"), Access::kAllowed);
  EXPECT_THAT(transport_.requests(), SizeIs(2));
  clock_.advance(2s);
  transport_.add(201, kUnknown);  // Revoked meanwhile.
  EXPECT_EQ(*ask("Bearer a"), Access::kUnauthenticated);
  // Of this path alone.
  transport_.add(201, kUnknown);
  EXPECT_EQ(*ask("Bearer a", "/debug/plugins/state"), Access::kUnauthenticated);
  EXPECT_THAT(transport_.requests(), SizeIs(4));
}

// Made-up tokens must not fill our memory.
TEST_F(AccessReviewerTest, KeepsSoManyAnswers) {
  for (const char* header : {"Bearer a", "Bearer b", "Bearer c", "Bearer a"}) {
    transport_.add(201, kUnknown);
    EXPECT_EQ(*ask(header), Access::kUnauthenticated);
  }
  EXPECT_THAT(transport_.requests(), SizeIs(4));
}

}  // namespace
}  // namespace rage::kube
