#include "cluster/dashboard.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "cluster/detail/pod_usage.h"
#include "cluster/page_files.h"
#include "codec/documents.h"
#include "codec/uri.h"
#include "codec/yaml_writer.h"
#include "net/bearer.h"

namespace rage::cluster {
namespace {

using codec::Json;
using net::HttpRequest;
using net::HttpResponse;

constexpr std::string_view kAssets = "/assets/";
constexpr std::string_view kTableAccept =
    "application/json;as=Table;v=v1;g=meta.k8s.io, application/json";
constexpr int kLogLines = 500;
constexpr std::size_t kReplyBytesMax = std::size_t{16} << 20;
constexpr std::uint64_t kMetricsBytesMax = std::uint64_t{2} << 20;
constexpr auto kMetricsTimeout = std::chrono::seconds(5);

HttpResponse json_reply(const Json& json) {
  return HttpResponse::json(200, codec::render_json(json));
}

HttpResponse text_reply(std::string text) {
  return {.headers = {{"content-type", "text/plain; charset=utf-8"}}, .body = std::move(text)};
}

int http_status_of(const Error& error) {
  if (error.code == ErrorCode::kNotFound) return 404;
  if (error.code == ErrorCode::kInvalidArgument) return 400;
  if (error.code == ErrorCode::kPermissionDenied) return 403;
  return error.code == ErrorCode::kUnauthenticated ? 401 : 502;
}

HttpResponse refusal(int status, std::string_view message) {
  return HttpResponse::json(status, codec::render_json({{"error", message}}));
}

HttpResponse page(const HttpRequest& request) {
  const std::string_view path = request.path;
  const std::string_view name = path == "/" ? "index.html" : path.substr(kAssets.size());
  const auto files = page_files();
  const auto file = std::ranges::find(files, name, &PageFile::name);
  if (file == files.end()) return refusal(404, "there is no such file");
  return net::page_reply(request, *file);
}

bool is_path_character(char c) {
  return is_ascii_alpha(c) || is_ascii_digit(c) || c == '-' || c == '.' || c == '_' || c == ':';
}

bool is_segment(std::string_view segment) {
  return !segment.empty() && segment != "." && segment != ".." &&
         std::ranges::all_of(segment, is_path_character);
}

}  // namespace

// "/api/v1/namespaces/NS/pods/NAME/log", "/apis/GROUP/VERSION/...".
bool is_shown_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() > 1000) return false;
  auto segments = split(path.substr(1), '/');
  if (!std::ranges::all_of(segments, is_segment)) return false;
  const std::size_t head = segments[0] == "api" ? 2 : segments[0] == "apis" ? 3 : segments.size();
  if (segments.size() <= head) return false;
  segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(head));
  if (segments[0] == "namespaces" && segments.size() > 2) {
    segments.erase(segments.begin(), segments.begin() + 2);
  }
  const bool log = segments.size() == 3 && segments[0] == "pods" && segments[2] == "log";
  const bool hidden = segments[0] == "secrets" || segments[0] == "watch";
  return !hidden && (segments.size() <= 2 || log);
}

struct Dashboard::Call {
  const Context& context;
  std::string_view what;  // Behind "/api/".
  codec::QueryParameters parameters;
  std::string path;  // Of Kubernetes; may be read.
};

Dashboard::Dashboard(kube::KubeClient& client, net::HttpTransport& transport, std::string key)
    : client_(client), transport_(transport), key_(std::move(key)) {
  CHECK(!key_.empty());
}

void Dashboard::handle(const Context& context, const HttpRequest& request,
                       net::ResponseWriter& writer) const {
  const std::string_view path = request.path;
  if (request.method != "GET") {
    (void)writer.send(refusal(405, "this page only reads"));
    return;
  }
  if (path == "/" || path.starts_with(kAssets)) {
    (void)writer.send(page(request));
    return;
  }
  if (net::bearer_token(request.headers.find("authorization")) != key_) {
    (void)writer.send(refusal(401, "open the address that `rage dashboard` printed, all of it"));
    return;
  }
  constexpr std::string_view kApi = "/api/";
  Call call{.context = context,
            .what = path.starts_with(kApi) ? path.substr(kApi.size()) : "",
            .parameters = codec::parse_query(request.query)};
  call.path = codec::find_parameter(call.parameters, "path").value_or("");
  auto reply = answer(call);
  if (!reply) reply = refusal(http_status_of(reply.error()), reply.error().message);
  reply->headers.set("cache-control", "no-store");
  (void)writer.send(*std::move(reply));
}

Result<HttpResponse> Dashboard::answer(const Call& call) const {
  if (call.what == "usage") return json_reply(detail::pod_usage());
  if (!is_shown_path(call.path)) {
    return fail(ErrorCode::kPermissionDenied, "\"{}\" is not shown here", call.path.substr(0, 200));
  }
  if (call.what == "table") return table(call);
  if (call.what == "object") return object(call);
  if (call.what == "facts") return facts(call);
  if (call.what == "log") return log(call);
  if (call.what == "metrics") return metrics(call);
  return fail(ErrorCode::kNotFound, "there is no such page");
}

Result<HttpResponse> Dashboard::table(const Call& call) const {
  std::string body;
  const auto take = [&body](std::string_view bytes) {
    body += bytes;
    return body.size() <= kReplyBytesMax;
  };
  RETURN_IF_ERROR(client_.stream_raw(call.context, call.path + "?limit=500",
                                     {.accept = std::string(kTableAccept)}, take));
  if (body.size() > kReplyBytesMax) {
    return fail(ErrorCode::kResourceExhausted, "the list is too long to be shown");
  }
  return HttpResponse::json(200, std::move(body));
}

Result<Json> Dashboard::read(const Call& call) const {
  ASSIGN_OR_RETURN(const std::string text, client_.get_raw(call.context, call.path));
  return codec::parse_json(text);
}

Result<HttpResponse> Dashboard::object(const Call& call) const {
  ASSIGN_OR_RETURN(Json object, read(call));
  if (const auto meta = object.find("metadata"); meta != object.end() && meta->is_object()) {
    meta->erase("managedFields");
  }
  return text_reply(codec::render_yaml(object));
}

Result<HttpResponse> Dashboard::facts(const Call& call) const {
  ASSIGN_OR_RETURN(const Json object, read(call));
  Json facts = {{"conditions", codec::list_at(object, {"status", "conditions"})},
                {"containers", Json::array()}};
  for (const char* kind : {"containers", "initContainers"}) {
    for (const Json& container : codec::list_at(object, {"spec", kind})) {
      facts["containers"].push_back(codec::string_or(container, "name", ""));
    }
  }
  return json_reply(facts);
}

Result<HttpResponse> Dashboard::log(const Call& call) const {
  std::string path = fmt::format("{}/log?tailLines={}", call.path, kLogLines);
  for (const char* name : {"container", "previous"}) {
    if (const auto value = codec::find_parameter(call.parameters, name)) {
      path += fmt::format("&{}={}", name, codec::percent_encode(*value));
    }
  }
  ASSIGN_OR_RETURN(std::string text, client_.get_raw(call.context, path));
  return text_reply(std::move(text));
}

// Of the first port of its first container, on this machine alone.
Result<HttpResponse> Dashboard::metrics(const Call& call) const {
  ASSIGN_OR_RETURN(const Json pod, read(call));
  const std::string address = codec::text_at(pod, {"status", "podIP"});
  const Json& containers = codec::list_at(pod, {"spec", "containers"});
  const Json first = containers.empty() ? Json::object() : containers.front();
  const Json& ports = codec::list_at(first, {"ports"});
  const int port = ports.empty() ? 0 : codec::int_at(ports.front(), {"containerPort"});
  if (!address.starts_with("127.") || port <= 0 || port > 65535) {
    return fail(ErrorCode::kNotFound, "the pod says no port on this machine");
  }
  Context limited = Context::with_timeout(kMetricsTimeout);
  limited.stop = call.context.stop;
  ASSIGN_OR_RETURN(
      HttpResponse reply,
      transport_.fetch(limited, {.url = fmt::format("http://{}:{}/metrics", address, port),
                                 .body_bytes_max = kMetricsBytesMax}));
  if (reply.status != 200) return fail(ErrorCode::kNotFound, "the pod has no metrics page");
  return text_reply(std::move(reply.body));
}

}  // namespace rage::cluster
