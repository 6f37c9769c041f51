#include "node/service_proxy.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "base/files.h"
#include "obs/log.h"

namespace rage::node {
namespace {

constexpr std::uint64_t kFileBytesMax = std::uint64_t{16} << 20;
constexpr std::size_t kRememberedMax = 10'000;

}  // namespace

Result<std::unique_ptr<ServiceProxy>> ServiceProxy::create(NodePaths paths) {
  ASSIGN_OR_RETURN(auto proxy, net::TcpProxy::create());
  std::unique_ptr<ServiceProxy> made(new ServiceProxy(std::move(paths), std::move(proxy)));
  if (const auto text = read_file(made->remembered_file(), kFileBytesMax)) {
    for (const ServiceAddress& each : parse_services(*text)) {
      made->remembered_[each.key] = each.local_port;
    }
  }
  return made;
}

Result<void> ServiceProxy::apply(const ServiceTable& wanted,
                                 const std::map<std::uint16_t, ServicePortKey>& published) {
  close_others(wanted);
  for (const auto& [key, port] : wanted) {
    if (port.cluster_ip.empty()) continue;
    const auto found = open_.find(key);
    if (found == open_.end()) {
      open(key, port);
    } else if (found->second.port != port) {
      proxy_->set_targets(found->second.listening.id, port.targets);
      found->second.port = port;
    }
  }
  publish(wanted, published);
  return write_files(wanted);
}

void ServiceProxy::publish(const ServiceTable& wanted,
                           const std::map<std::uint16_t, ServicePortKey>& published) {
  std::erase_if(published_, [&](const auto& each) {
    const bool gone = !published.contains(each.first);
    if (gone) proxy_->close(each.second.id);
    return gone;
  });
  for (const auto& [port, key] : published) {
    const auto service = wanted.find(key);
    if (service == wanted.end()) continue;
    auto there = published_.find(port);
    if (there == published_.end()) {
      const auto listening = proxy_->listen("127.0.0.1", port);
      if (!listening) {
        obs::log().warn("a Service cannot be published", {{"service", key.ns + "/" + key.name},
                                                          {"port", port},
                                                          {"error", listening.error().message}});
        continue;
      }
      there = published_.emplace(port, Published{.id = listening->id, .key = key}).first;
    }
    there->second.key = key;
    if (there->second.targets == service->second.targets) continue;
    proxy_->set_targets(there->second.id, service->second.targets);
    there->second.targets = service->second.targets;
  }
}

void ServiceProxy::close_others(const ServiceTable& wanted) {
  for (auto each = open_.begin(); each != open_.end();) {
    const auto found = wanted.find(each->first);
    if (found != wanted.end() && found->second.cluster_ip == each->second.port.cluster_ip) {
      ++each;
      continue;
    }
    proxy_->close(each->second.listening.id);
    each = open_.erase(each);
  }
}

void ServiceProxy::open(const ServicePortKey& key, const ServicePort& port) {
  auto listening = proxy_->listen(port.cluster_ip, key.port);
  const auto remembered = remembered_.find(key);
  if (!listening && remembered != remembered_.end()) {
    listening = proxy_->listen(port.cluster_ip, remembered->second);
  }
  if (!listening) listening = proxy_->listen(port.cluster_ip, 0);
  if (!listening) {
    obs::log().warn("a Service cannot be listened for", {{"service", key.ns + "/" + key.name},
                                                         {"port", key.port},
                                                         {"error", listening.error().message}});
    return;
  }
  if (listening->port != key.port && remembered_.size() < kRememberedMax) {
    remembered_[key] = listening->port;
  }
  proxy_->set_targets(listening->id, port.targets);
  open_[key] = {.listening = *listening, .port = port};
}

Result<void> ServiceProxy::write_files(const ServiceTable& wanted) {
  std::vector<ServiceAddress> services;
  std::set<std::string> namespaces;
  for (const auto& [key, port] : wanted) {
    namespaces.insert(key.ns);
    const auto found = open_.find(key);
    if (found != open_.end()) {
      services.push_back(
          {.key = key, .address = port.cluster_ip, .local_port = found->second.listening.port});
    } else if (port.cluster_ip.empty() && !port.targets.empty()) {
      services.push_back({.key = key,
                          .address = port.targets.front().address,
                          .local_port = port.targets.front().port});
    }
  }
  for (const auto& [port, each] : published_) {
    const auto line = std::ranges::find(services, each.key, &ServiceAddress::key);
    if (line != services.end()) line->published_port = port;
  }
  if (wrote_once_ && services == written_) return {};
  const std::filesystem::path run = paths_.data / "run";
  RETURN_IF_ERROR(ensure_directory(run));
  for (const std::string& ns : namespaces) {
    RETURN_IF_ERROR(ensure_directory(run / "curl" / ns));
    RETURN_IF_ERROR(
        write_file_atomically(run / "curl" / ns / ".curlrc", render_curl_config(services, ns)));
  }
  std::vector<ServiceAddress> stand_ins;
  for (const auto& [key, port] : remembered_) {
    stand_ins.push_back({.key = key, .address = "", .local_port = port});
  }
  RETURN_IF_ERROR(write_file_atomically(remembered_file(), render_services(stand_ins)));
  RETURN_IF_ERROR(write_file_atomically(paths_.services_file(), render_services(services)));
  written_ = std::move(services);
  wrote_once_ = true;
  return {};
}

}  // namespace rage::node
