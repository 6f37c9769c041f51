#include "cluster/detail/pod_log.h"

#include <algorithm>
#include <vector>

#include "apis/meta.h"
#include "base/strings.h"
#include "kubeobjects/status.h"

namespace rage::cluster::detail {
namespace {

using kubeobjects::bad_request;

std::vector<std::string> names_of(const Json& pod, const char* key) {
  std::vector<std::string> names;
  const Json* spec = codec::find_key(pod, "spec");
  const Json* containers = spec == nullptr ? nullptr : codec::find_key(*spec, key);
  if (containers == nullptr || !containers->is_array()) return names;
  for (const Json& each : *containers) names.push_back(codec::string_or(each, "name", ""));
  return names;
}

// None: not given. kInvalidArgument: no number.
Result<std::optional<std::uint64_t>> number_of(const codec::QueryParameters& parameters,
                                               std::string_view name) {
  const std::string text = parameter_or(parameters, name, "");
  if (text.empty()) return std::optional<std::uint64_t>();
  const auto number = parse_uint(text);
  if (number) return number;
  return fail(bad_request(fmt::format("{} must be a number that is not negative", name)));
}

Error nothing_written(const Json& pod, const PodLogQuery& query) {
  const std::string name = apis::parse_meta(pod).name;
  if (query.previous) {
    return bad_request(fmt::format("previous terminated container \"{}\" in pod \"{}\" not found",
                                   query.container, name));
  }
  return bad_request(
      fmt::format("container \"{}\" in pod \"{}\" is waiting to start", query.container, name));
}

// Begins the answer with the first bytes, so that a failure before them is still told.
class LogReply final {
 public:
  LogReply(net::ResponseWriter& writer, std::optional<std::uint64_t> limit)
      : writer_(writer), left_(limit) {}

  bool take(std::string_view bytes) {
    if (left_) bytes = bytes.substr(0, static_cast<std::size_t>(*left_));
    if (!begin() || !writer_.write(bytes)) return false;
    if (left_) *left_ -= bytes.size();
    return !left_ || *left_ > 0;
  }
  bool begin() {
    if (begun_) return true;
    begun_ = true;
    return writer_.begin(200, {{"content-type", "text/plain"}}).has_value();
  }
  bool begun() const { return begun_; }

 private:
  net::ResponseWriter& writer_;
  std::optional<std::uint64_t> left_;
  bool begun_ = false;
};

}  // namespace

Result<std::string> container_of(const Json& pod, const std::string& asked) {
  const std::string name = apis::parse_meta(pod).name;
  const std::vector<std::string> containers = names_of(pod, "containers");
  const std::vector<std::string> init = names_of(pod, "initContainers");
  if (asked.empty() && containers.size() == 1) return containers.front();
  if (asked.empty()) {
    std::string choices = join(containers, " ");
    if (!init.empty()) choices += "] or one of the init containers: [" + join(init, " ");
    return fail(bad_request(fmt::format(
        "a container name must be specified for pod {}, choose one of: [{}]", name, choices)));
  }
  if (std::ranges::count(containers, asked) + std::ranges::count(init, asked) > 0) return asked;
  return fail(bad_request(fmt::format("container {} is not valid for pod {}", asked, name)));
}

Result<PodLogQuery> parse_log_query(const Json& pod, const codec::QueryParameters& parameters) {
  for (const char* name : {"timestamps", "sinceSeconds", "sinceTime"}) {
    const std::string value = parameter_or(parameters, name, "");
    if (value.empty() || value == "false") continue;
    return fail(bad_request(fmt::format(
        "{}: this server keeps logs as they were written, without times; use tailLines", name)));
  }
  PodLogQuery query{.pod_uid = apis::parse_meta(pod).uid,
                    .previous = is_true(parameters, "previous"),
                    .follow = is_true(parameters, "follow")};
  ASSIGN_OR_RETURN(query.container, container_of(pod, parameter_or(parameters, "container", "")));
  ASSIGN_OR_RETURN(query.tail_lines, number_of(parameters, "tailLines"));
  return query;
}

Result<void> serve_pod_log(const Context& context, const Json& pod,
                           const codec::QueryParameters& parameters, PodLogs* logs,
                           net::ResponseWriter& writer) {
  if (logs == nullptr) return fail(kubeobjects::no_such_resource());
  ASSIGN_OR_RETURN(const PodLogQuery query, parse_log_query(pod, parameters));
  ASSIGN_OR_RETURN(const auto limit, number_of(parameters, "limitBytes"));
  LogReply reply(writer, limit);
  const Result<void> read =
      logs->read(context, query, [&](std::string_view bytes) { return reply.take(bytes); });
  if (read || reply.begun()) {
    if (read && !reply.begun()) (void)reply.begin();
    if (!read) writer.abort();
    return {};
  }
  const bool nothing = read.error().code == ErrorCode::kNotFound;
  return fail(nothing ? nothing_written(pod, query) : read.error());
}

}  // namespace rage::cluster::detail
