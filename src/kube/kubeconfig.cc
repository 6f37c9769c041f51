#include "kube/kubeconfig.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/files.h"
#include "base/strings.h"
#include "codec/yaml.h"
#include "kube/detail/base64.h"
#include "kube/detail/token_sources.h"

namespace rage::kube {
namespace {

using codec::Json;

constexpr std::uint64_t kPemBytesMax = 1 << 20;
const Json kNothing = Json::object();

std::unexpected<Error> refuse(std::string what) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("kubeconfig: {}", what));
}

const Json& part(const Json& object, std::string_view key) {
  const Json* value = codec::find_key(object, key);
  return value != nullptr ? *value : kNothing;
}

std::string text(const Json& object, std::string_view key) {
  return codec::string_or(object, key, "");
}

bool flag(const Json& object, std::string_view key) {
  const Json& value = part(object, key);
  return value.is_boolean() && value.get<bool>();
}

// The entry of clusters, users or contexts with that name; its payload is under `inner`.
Result<const Json*> find_named(const Json& config, std::string_view list, std::string_view inner,
                               std::string_view name) {
  std::vector<std::string> names;
  const Json& entries = part(config, list);
  if (entries.is_array()) {
    for (const Json& entry : entries) {
      if (text(entry, "name") == name) return &part(entry, inner);
      names.push_back(text(entry, "name"));
    }
  }
  return refuse(fmt::format("no '{}' in {}; it has: {}", name, list, join(names, ", ")));
}

// A value given inline as base64 ("x-data") or as the name of a file ("x"); empty: neither.
Result<std::string> pem_of(const Json& object, const std::string& key,
                           const std::filesystem::path& directory) {
  if (const std::string data = text(object, key + "-data"); !data.empty()) {
    auto pem = detail::base64_decode(data);
    if (!pem) return refuse(key + "-data is not base64");
    return *std::move(pem);
  }
  const std::string file = text(object, key);
  if (file.empty()) return std::string();
  const std::filesystem::path path = directory / file;  // An absolute name stays as it is.
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) {
    return fail(ErrorCode::kNotFound, "kubeconfig: {}: no file '{}'", key, path.string());
  }
  auto pem = read_file(path, kPemBytesMax);
  if (!pem) return fail(std::move(pem).error().with_context("kubeconfig: " + key));
  return pem;
}

Result<net::TlsOptions> parse_tls(const Json& cluster, const Json& user,
                                  const std::filesystem::path& directory) {
  net::TlsOptions tls{.server_name = text(cluster, "tls-server-name"),
                      .insecure_skip_verify = flag(cluster, "insecure-skip-tls-verify")};
  ASSIGN_OR_RETURN(tls.ca_pem, pem_of(cluster, "certificate-authority", directory));
  ASSIGN_OR_RETURN(tls.certificate_pem, pem_of(user, "client-certificate", directory));
  ASSIGN_OR_RETURN(tls.key_pem, pem_of(user, "client-key", directory));
  if (tls.insecure_skip_verify && !tls.ca_pem.empty()) {
    return refuse("certificate-authority and insecure-skip-tls-verify exclude each other");
  }
  if (tls.certificate_pem.empty() != tls.key_pem.empty()) {
    return refuse("client-certificate and client-key need each other");
  }
  return tls;
}

// What plug-ins are told of the cluster; its keys are those of the file.
Json cluster_info(const Json& cluster, const net::TlsOptions& tls) {
  Json info = Json::object();
  for (const char* key : {"server", "tls-server-name", "insecure-skip-tls-verify"}) {
    if (const Json* value = codec::find_key(cluster, key)) info[key] = *value;
  }
  if (!tls.ca_pem.empty()) info["certificate-authority-data"] = encode_base64(tls.ca_pem);
  if (const Json& extensions = part(cluster, "extensions"); extensions.is_array()) {
    for (const Json& extension : extensions) {
      if (text(extension, "name") != "client.authentication.k8s.io/exec") continue;
      info["config"] = part(extension, "extension");
    }
  }
  return info;
}

Result<detail::ExecPlugin> parse_exec(const Json& exec, const Json& cluster,
                                      const net::TlsOptions& tls,
                                      const std::filesystem::path& directory) {
  constexpr std::array<std::string_view, 2> kVersions{"client.authentication.k8s.io/v1",
                                                      "client.authentication.k8s.io/v1beta1"};
  detail::ExecPlugin plugin{.api_version = text(exec, "apiVersion"),
                            .argv = {text(exec, "command")},
                            .install_hint = text(exec, "installHint")};
  if (std::ranges::find(kVersions, plugin.api_version) == kVersions.end()) {
    return refuse(fmt::format("exec: apiVersion '{}' is not supported", plugin.api_version));
  }
  std::string& command = plugin.argv.front();
  if (command.empty()) return refuse("exec: no command");
  if (command.find('/') != std::string::npos) command = (directory / command).string();
  if (text(exec, "interactiveMode") == "Always") {
    return refuse("exec: the plug-in wants a terminal (interactiveMode: Always)");
  }
  if (const Json& arguments = part(exec, "args"); arguments.is_array()) {
    for (const Json& argument : arguments) {
      if (!argument.is_string()) return refuse("exec: an argument is no string");
      plugin.argv.push_back(argument.get<std::string>());
    }
  }
  if (const Json& variables = part(exec, "env"); variables.is_array()) {
    for (const Json& variable : variables) {
      plugin.environment.emplace_back(text(variable, "name"), text(variable, "value"));
    }
  }
  const auto has_nul = [](const std::string& value) {
    return value.find('\0') != std::string::npos;
  };
  if (std::ranges::any_of(plugin.argv, has_nul)) return refuse("exec: an argument has a NUL");
  for (const auto& [name, value] : plugin.environment) {
    if (name.empty() || name.find('=') != std::string::npos || has_nul(name) || has_nul(value)) {
      return refuse("exec: a bad environment variable");
    }
  }
  if (flag(exec, "provideClusterInfo")) plugin.cluster = cluster_info(cluster, tls);
  return plugin;
}

Result<std::shared_ptr<TokenSource>> parse_tokens(const Json& user, const Json& cluster,
                                                  const std::shared_ptr<const net::TlsOptions>& tls,
                                                  const std::filesystem::path& directory,
                                                  Clock& clock) {
  // Ignored, they would make us somebody else.
  for (const char* key : {"username", "password", "auth-provider", "as", "as-uid", "as-groups"}) {
    if (user.contains(key)) return refuse(fmt::format("user: '{}' is not supported", key));
  }
  if (user.contains("exec")) {
    ASSIGN_OR_RETURN(detail::ExecPlugin plugin,
                     parse_exec(part(user, "exec"), cluster, *tls, directory));
    return detail::make_exec_token(std::move(plugin), tls, clock);
  }
  // As client-go: a file wins over a token beside it.
  if (const std::string file = text(user, "tokenFile"); !file.empty()) {
    return detail::make_file_token(directory / file, clock);
  }
  if (std::string token = text(user, "token"); !token.empty()) {
    return detail::make_static_token(std::move(token));
  }
  return std::shared_ptr<TokenSource>();
}

}  // namespace

Result<ClientConfig> parse_kubeconfig(std::string_view yaml, std::string_view context,
                                      const std::string& directory, Clock& clock) {
  auto config = codec::parse_yaml(yaml);
  if (!config) return fail(std::move(config).error().with_context("kubeconfig"));
  const std::string name =
      context.empty() ? text(*config, "current-context") : std::string(context);
  if (name.empty()) return refuse("no current-context");
  ASSIGN_OR_RETURN(const Json* chosen, find_named(*config, "contexts", "context", name));
  ASSIGN_OR_RETURN(const Json* cluster,
                   find_named(*config, "clusters", "cluster", text(*chosen, "cluster")));
  const Json* user = &kNothing;  // Without a user: anonymous.
  if (const std::string user_name = text(*chosen, "user"); !user_name.empty()) {
    ASSIGN_OR_RETURN(user, find_named(*config, "users", "user", user_name));
  }
  if (!cluster->is_object()) return refuse("the cluster is no map");
  if (!user->is_object()) return refuse("the user is no map");
  ClientConfig result{.server = text(*cluster, "server")};
  while (result.server.ends_with('/')) result.server.pop_back();
  if (!result.server.starts_with("https://") && !result.server.starts_with("http://")) {
    return refuse(fmt::format("'{}' is no server", result.server));
  }
  if (!text(*cluster, "proxy-url").empty()) return refuse("'proxy-url' is not supported");
  ASSIGN_OR_RETURN(net::TlsOptions tls, parse_tls(*cluster, *user, directory));
  result.tls = std::make_shared<const net::TlsOptions>(std::move(tls));
  ASSIGN_OR_RETURN(result.tokens, parse_tokens(*user, *cluster, result.tls, directory, clock));
  if (std::string ns = text(*chosen, "namespace"); !ns.empty()) {
    result.default_namespace = std::move(ns);
  }
  return result;
}

}  // namespace rage::kube
