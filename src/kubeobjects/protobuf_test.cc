#include "kubeobjects/protobuf.h"

#include <gmock/gmock.h>

#include <string>

#include "kubeobjects/status.h"

namespace rage::kubeobjects {
namespace {

using testing::HasSubstr;

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  return bytes + static_cast<char>(value);
}
std::string field(std::uint32_t number, std::string_view bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + std::string(bytes);
}
std::string number(std::uint32_t field, std::int64_t value) {
  return varint(field << 3) + varint(static_cast<std::uint64_t>(value));
}
std::string document(std::string_view version, std::string_view kind, std::string_view raw) {
  return std::string("k8s\0", 4) + field(1, field(1, version) + field(2, kind)) + field(2, raw) +
         field(3, "") + field(4, "");
}

std::string rendered(const std::string& body) {
  const auto parsed = parse_protobuf(body);
  return parsed ? codec::render_json(*parsed) : parsed.error().message;
}

// What `kubectl create deployment` says must not be lost: zero replicas are a wish, not an absence.
TEST(Protobuf, ADeploymentAsGoWritesIt) {
  const std::string meta = field(1, "web") + field(2, "") + field(8, "") + number(7, 0) +
                           field(11, field(1, "app") + field(2, "web"));
  const std::string container =
      field(1, "web") + field(2, "nginx") + field(5, "") + field(6, field(1, "") + number(3, 80)) +
      field(8, field(1, field(1, "cpu") + field(2, field(1, "500m")))) + number(16, 0) +
      field(12, field(1, field(2, field(1, "/ok") +
                                      field(2, number(1, 1) + number(2, 0) + field(3, "http")))));
  const std::string pod = field(2, container) + field(10, "") + number(11, 0);
  const std::string spec = number(1, 0) + field(2, "") + field(3, field(1, "") + field(2, pod)) +
                           field(4, field(2, field(1, number(2, 1)))) + number(9, 600);
  EXPECT_EQ(
      rendered(document("apps/v1", "Deployment", field(1, meta) + field(2, spec) + field(3, ""))),
      R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","labels":)"
      R"({"app":"web"}},"spec":{"replicas":0,"selector":{},"template":{"metadata":{},"spec":)"
      R"({"containers":[{"name":"web","image":"nginx","ports":[{"containerPort":80}],)"
      R"("resources":{"limits":{"cpu":"500m"}},"lifecycle":{"postStart":{"httpGet":)"
      R"({"path":"/ok","port":"http"}}}}]}},"strategy":{"rollingUpdate":{"maxUnavailable":1}},)"
      R"("progressDeadlineSeconds":600},"status":{}})");
}

TEST(Protobuf, ValuesThatAreNoMessagesInJson) {
  EXPECT_EQ(rendered(document(
                "v1", "Secret",
                field(2, field(1, "k") + field(2, std::string("\0\xff", 2))) + field(3, "Opaque"))),
            R"({"apiVersion":"v1","kind":"Secret","type":"Opaque","data":{"k":"AP8="},)"
            R"("metadata":{}})");
  const std::string time = number(1, 1'700'000'000) + number(2, 123'456'789);
  EXPECT_EQ(rendered(document("coordination.k8s.io/v1", "Lease",
                              field(2, number(2, -1) + field(4, time)))),
            R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","spec":)"
            R"({"leaseDurationSeconds":-1,"renewTime":"2023-11-14T22:13:20.123456Z"},)"
            R"("metadata":{}})");
  EXPECT_EQ(rendered(document("apps/v1", "ControllerRevision",
                              field(1, field(8, time)) + field(2, field(1, R"({"a":[1]})")))),
            R"({"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":)"
            R"({"creationTimestamp":"2023-11-14T22:13:20Z"},"data":{"a":[1]},"revision":0})");
}

// A probe's handler and a volume's source stand beside the name in JSON; on the wire they do not.
TEST(Protobuf, MessagesWithinMessagesThatJsonFlattens) {
  const std::string volume = field(1, "v") + field(2, field(2, field(1, "")));
  EXPECT_EQ(rendered(document("v1", "Pod", field(2, field(1, volume)))),
            R"({"apiVersion":"v1","kind":"Pod","spec":{"volumes":[{"name":"v","emptyDir":{}}]},)"
            R"("metadata":{},"status":{}})");
}

TEST(Protobuf, DeletionIsSaidInEveryGroup) {
  EXPECT_EQ(rendered(document("apps/v1", "DeleteOptions", number(1, 0) + field(4, "Background"))),
            R"({"apiVersion":"apps/v1","kind":"DeleteOptions","gracePeriodSeconds":0,)"
            R"("propagationPolicy":"Background"})");
}

int status_of_body(const std::string& body) {
  const auto parsed = parse_protobuf(body);
  return parsed ? 200 : http_status_of(parsed.error());
}

TEST(Protobuf, RefusalsSayWhatToDo) {
  EXPECT_EQ(status_of_body("k8"), 400);
  EXPECT_EQ(status_of_body(document("", "", "")), 400);
  EXPECT_EQ(status_of_body(document("v1", "Pod", "\x12\xff")), 400);
  EXPECT_EQ(status_of_body(document("v1", "Pod", field(1, field(1, "\xff")))), 400);
  const std::string foreign = document("example.org/v1", "Widget", "");
  EXPECT_EQ(status_of_body(foreign), 415);
  EXPECT_THAT(rendered(foreign), HasSubstr("Widget is read as application/json"));
}

// Two bytes a value would become gigabytes of objects.
TEST(Protobuf, SmallBodiesMakeNoHugeObjects) {
  std::string finalizers;
  for (int i = 0; i < 150'000; ++i) finalizers += std::string("\x72\x00", 2);
  EXPECT_THAT(rendered(document("v1", "Pod", field(1, finalizers))), HasSubstr("too many values"));
}

// A megabyte of keys must not keep the API server busy for seconds.
TEST(Protobuf, AMapOfManyKeysIsReadInOneGo) {
  std::string data;
  for (int i = 0; i < 20'000; ++i) data += field(2, field(1, std::to_string(i)));
  const auto parsed = parse_protobuf(document("v1", "ConfigMap", data));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->at("data").size(), 20'000U);
}

}  // namespace
}  // namespace rage::kubeobjects
