#include "cluster/detail/pod_log.h"

#include <gmock/gmock.h>

#include "kubeobjects/status.h"

namespace rage::cluster::detail {
namespace {

using testing::HasSubstr;

Json a_pod() {
  return *codec::parse_json(R"({"metadata":{"name":"p","uid":"u"},"spec":{
      "containers":[{"name":"a"},{"name":"b"}],"initContainers":[{"name":"i"}]}})");
}

Result<PodLogQuery> parsed(std::string_view query, const Json& pod = a_pod()) {
  return parse_log_query(pod, codec::parse_query(query));
}

// Keeps what it is told to answer.
class Recorded final : public net::ResponseWriter {
 public:
  Result<void> send(net::HttpResponse response) override {
    status = response.status;
    return {};
  }
  Result<void> begin(int code, net::Headers) override {
    status = code;
    return {};
  }
  Result<void> write(std::string_view bytes) override {
    body += bytes;
    return {};
  }
  void abort() override { aborted = true; }

  int status = 0;
  std::string body;
  bool aborted = false;
};

// Writes two pieces, then ends as told.
class Scripted final : public PodLogs {
 public:
  explicit Scripted(std::vector<std::string> pieces, Result<void> end = {})
      : pieces_(std::move(pieces)), end_(std::move(end)) {}
  Result<void> read(const Context&, const PodLogQuery&,
                    const std::function<bool(std::string_view)>& on_bytes) override {
    for (const std::string& piece : pieces_) {
      if (!on_bytes(piece)) return {};
    }
    return end_;
  }

 private:
  const std::vector<std::string> pieces_;
  const Result<void> end_;
};

Result<void> serve(PodLogs* logs, std::string_view query, Recorded& reply) {
  return serve_pod_log({}, a_pod(), codec::parse_query(query), logs, reply);
}

TEST(ParseLogQuery, TakesWhatKubectlAsks) {
  const auto query = parsed("container=b&follow=true&tailLines=10&previous=true");
  ASSERT_TRUE(query.has_value()) << query.error().message;
  EXPECT_EQ(query->pod_uid, "u");
  EXPECT_EQ(query->container, "b");
  EXPECT_TRUE(query->follow && query->previous);
  EXPECT_EQ(query->tail_lines, 10U);
  EXPECT_EQ(parsed("container=i")->container, "i");
}

TEST(ParseLogQuery, NamesTheChoicesAndWhatItCannotDo) {
  EXPECT_THAT(parsed("").error().message, HasSubstr("choose one of: [a b] or one of the init"));
  EXPECT_EQ(parsed("container=x").error().message, "container x is not valid for pod p");
  EXPECT_THAT(parsed("container=a&timestamps=true").error().message, HasSubstr("without times"));
  EXPECT_THAT(parsed("container=a&tailLines=-1").error().message, HasSubstr("tailLines"));
}

TEST(ServePodLog, StreamsAndStopsAtTheLimit) {
  Recorded reply;
  Scripted logs({"one\n", "two\n"});
  ASSERT_TRUE(serve(&logs, "container=a", reply));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "one\ntwo\n");
  Recorded limited;
  ASSERT_TRUE(serve(&logs, "container=a&limitBytes=6", limited));
  EXPECT_EQ(limited.body, "one\ntw");
}

// An empty log is a log; one that breaks off must not look whole; one that is not there is said.
TEST(ServePodLog, TellsNothingYetFromEmptyAndFromBroken) {
  Recorded empty;
  Scripted nothing({});
  ASSERT_TRUE(serve(&nothing, "container=a", empty));
  EXPECT_EQ(empty.status, 200);
  Recorded broken;
  Scripted breaks({"half"}, fail(ErrorCode::kUnavailable, "disk"));
  ASSERT_TRUE(serve(&breaks, "container=a", broken));
  EXPECT_TRUE(broken.aborted);
  Recorded absent;
  Scripted waits({}, fail(ErrorCode::kNotFound, "nothing"));
  const auto refused = serve(&waits, "container=a", absent);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(kubeobjects::http_status_of(refused.error()), 400);
  EXPECT_THAT(refused.error().message, HasSubstr("is waiting to start"));
  EXPECT_EQ(kubeobjects::http_status_of(serve(nullptr, "container=a", absent).error()), 404);
}

}  // namespace
}  // namespace rage::cluster::detail
