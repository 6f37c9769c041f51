#include "assistant/operator_desk.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "assistant/detail/path_segment.h"
#include "base/files.h"
#include "base/strings.h"
#include "codec/json.h"
#include "codec/uri.h"

namespace rage::assistant {
namespace {

using detail::is_segment;

using codec::Json;
using net::HttpResponse;
namespace fs = std::filesystem;

constexpr std::string_view kRag = "/api/operator/rag";
constexpr std::string_view kReports = "/api/operator/reports";
constexpr std::uint64_t kReportBytesMax = std::uint64_t{16} << 20;
constexpr std::size_t kReportsMax = 100;

struct Route {
  std::string_view method;
  std::string_view path;  // "*": one segment.
};

constexpr Route kDeskRoutes[] = {
    {"GET", "/health"},
    {"GET", "/guardrails/policy"},
    {"GET", "/v1/models"},
    {"GET", "/answers"},
    {"GET", "/answers/*"},
    {"GET", "/indexes"},
    {"DELETE", "/indexes/*"},
    {"GET", "/indexes/*/documents"},
    {"POST", "/indexes/*/documents"},
    {"POST", "/indexes/*/documents/delete"},
    {"GET", "/indexes/*/settings"},
    {"PUT", "/indexes/*/settings"},
    {"POST", "/index"},
    {"POST", "/retrieve"},
};

HttpResponse refusal(int status, std::string_view why) {
  return HttpResponse::json(status, codec::render_json({{"error", why}}));
}

bool matches(std::string_view pattern, std::string_view path) {
  const auto wanted = split(pattern, '/');
  const auto parts = split(path, '/');
  if (wanted.size() != parts.size()) return false;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (wanted[i] == "*" ? !is_segment(parts[i]) : wanted[i] != parts[i]) return false;
  }
  return true;
}

bool is_report_name(std::string_view name) {
  return name.ends_with(".json") && !name.starts_with('.') && std::ranges::all_of(name, [](char c) {
           return is_ascii_alpha(c) || is_ascii_digit(c) || c == '-' || c == '_' || c == '.';
         });
}

struct ReportFile {
  std::string name;
  fs::file_time_type changed;
};

// Newest first.
std::vector<ReportFile> report_files(const fs::path& folder) {
  std::vector<ReportFile> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    std::string name = entry->path().filename().string();
    std::error_code gone;
    if (!is_report_name(name) || !entry->is_regular_file(gone)) continue;
    files.push_back({.name = std::move(name), .changed = entry->last_write_time(gone)});
  }
  std::ranges::sort(files, std::greater{}, &ReportFile::changed);
  if (files.size() > kReportsMax) files.resize(kReportsMax);
  return files;
}

}  // namespace

bool is_loopback_host(std::string_view host) {
  if (host.starts_with('[')) {
    host = host.substr(0, host.find(']') + 1);
  } else {
    host = host.substr(0, host.find(':'));
  }
  return host == "localhost" || host == "127.0.0.1" || host == "[::1]";
}

bool is_operator_route(std::string_view method, std::string_view path) {
  return std::ranges::any_of(kDeskRoutes, [&](const Route& route) {
    return route.method == method && matches(route.path, path);
  });
}

HttpResponse OperatorDesk::handle(const Context& context, const net::HttpRequest& request) const {
  const std::string_view site = request.headers.find("sec-fetch-site");
  if (!is_loopback_host(request.headers.find("host")) ||
      !(site.empty() || site == "same-origin" || site == "none")) {
    return refusal(403, "The operator's page answers to localhost alone");
  }
  const std::string_view path = request.path;
  if (path.starts_with(kReports) && request.method == "GET") {
    return reports(path.substr(kReports.size()));
  }
  if (!path.starts_with(kRag) || !is_operator_route(request.method, path.substr(kRag.size()))) {
    return refusal(404, "Not Found");
  }
  net::HttpRequest asked = request;
  asked.path = std::string(path.substr(kRag.size()));
  return rag_.forward(context, asked);
}

HttpResponse OperatorDesk::reports(std::string_view name) const {
  if (options_.reports.empty()) return refusal(404, "No folder of reports was given");
  if (name.empty()) return list_reports();
  name.remove_prefix(1);
  if (!is_report_name(name)) return refusal(404, "Not Found");
  auto text = read_file(options_.reports / name, kReportBytesMax);
  if (!text || !codec::parse_json(*text)) return refusal(404, "There is no such report");
  return HttpResponse::json(200, *std::move(text));
}

HttpResponse OperatorDesk::list_reports() const {
  Json list = Json::array();
  for (const ReportFile& file : report_files(options_.reports)) {
    const auto text = read_file(options_.reports / file.name, kReportBytesMax);
    const auto report = text ? codec::parse_json(*text) : fail(ErrorCode::kNotFound, "gone");
    if (!report || !report->is_object()) continue;
    Json figures = {{"name", file.name}};
    for (const auto& [key, value] : report->items()) {
      if (value.is_primitive()) figures[key] = value;
    }
    list.push_back(std::move(figures));
  }
  return HttpResponse::json(200, codec::render_json({{"reports", std::move(list)}}));
}

}  // namespace rage::assistant
