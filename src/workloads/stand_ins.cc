#include "workloads/stand_ins.h"

#include <algorithm>

#include "base/strings.h"
#include "workloads/detail/json_at.h"
#include "workloads/kinds.h"

namespace rage::workloads {
namespace {

using detail::find_path;
using detail::list_at;
using detail::map_at;
using detail::text_at;

constexpr const char* kNames = "rage.dev/self-signed-for";

std::vector<std::string> names_of(const Json& certificate) {
  std::vector<std::string> names;
  const auto add = [&](const std::string& name) {
    if (!name.empty() && std::ranges::count(names, name) == 0) names.push_back(name);
  };
  add(text_at(certificate, {"spec", "commonName"}));
  for (const char* list : {"dnsNames", "ipAddresses"}) {
    for (const Json& name : list_at(certificate, {"spec", list})) {
      if (name.is_string()) add(name.get<std::string>());
    }
  }
  return names;
}

Json ready(const Json& object, bool yes, const char* reason, std::string message, WallTime now) {
  Json conditions = list_at(object, {"status", "conditions"});
  set_condition(conditions,
                {.type = "Ready",
                 .status = yes ? "True" : "False",
                 .reason = reason,
                 .message = std::move(message)},
                now);
  return conditions;
}

// The Secret's content; an annotation says for which names it was made.
Result<void> plan_secret(Plan& plan, const CertificateObservation& observed, const ObjectMeta& meta,
                         const ObjectKey& key, const std::vector<std::string>& names) {
  ASSIGN_OR_RETURN(const net::ServerCertificate pem, observed.make(names));
  Json content = {{"tls.crt", pem.chain_pem}, {"tls.key", pem.key_pem}, {"ca.crt", pem.chain_pem}};
  Json annotations = {{kNames, join(names, ",")}, {"cert-manager.io/certificate-name", meta.name}};
  if (!observed.secret.is_null()) {
    plan.changes.emplace_back(PatchObject{
        kinds().secret,
        key,
        {{"metadata", {{"annotations", annotations}}}, {"stringData", std::move(content)}}});
    return {};
  }
  Json secret = object_of(kinds().secret, key);
  secret["metadata"]["annotations"] = std::move(annotations);
  secret["type"] = "kubernetes.io/tls";
  secret["stringData"] = std::move(content);
  plan.changes.emplace_back(CreateObject{kinds().secret, std::move(secret)});
  plan.tell("Issuing", "made a self-signed certificate for " + join(names, ", "));
  return {};
}

}  // namespace

Plan plan_certificate(const CertificateObservation& observed) {
  Plan plan;
  const Json& certificate = observed.certificate;
  const ObjectMeta meta = apis::parse_meta(certificate);
  if (meta.deleting) return plan;
  const std::vector<std::string> names = names_of(certificate);
  const ObjectKey key{.ns = meta.ns, .name = text_at(certificate, {"spec", "secretName"})};
  Json status = map_at(certificate, {"status"});
  const auto conclude = [&](bool yes, const char* reason, std::string message) {
    status["conditions"] = ready(certificate, yes, reason, std::move(message), observed.now);
    plan.status = std::move(status);
    return std::move(plan);
  };
  if (key.name.empty() || names.empty()) {
    return conclude(false, "InvalidSpec", "spec.secretName and a name in spec.dnsNames are needed");
  }
  const apis::ObjectMeta secret = apis::parse_meta(observed.secret);
  const std::string made_for = secret.annotation(kNames);
  if (!observed.secret.is_null() && made_for.empty()) {
    return conclude(
        true, "Ready",
        fmt::format("Secret {} was made by somebody else and is used as it is", key.name));
  }
  if (made_for != join(names, ",")) {
    const auto planned = plan_secret(plan, observed, meta, key, names);
    if (!planned) return conclude(false, "Failed", planned.error().message);
  }
  return conclude(true, "SelfSigned",
                  fmt::format("self-signed: issuer {} is not asked from here, and clients trust "
                              "the certificate only if told to",
                              text_at(certificate, {"spec", "issuerRef", "name"}, "none")));
}

Plan plan_external_secret(const ExternalSecretObservation& observed) {
  Plan plan;
  const Json& external = observed.external_secret;
  const ObjectMeta meta = apis::parse_meta(external);
  if (meta.deleting) return plan;
  const std::string name = text_at(external, {"spec", "target", "name"}, meta.name);
  std::vector<std::string> missing;
  for (const Json& entry : list_at(external, {"spec", "data"})) {
    const std::string key = text_at(entry, {"secretKey"});
    if (find_path(observed.secret, {"data", key}) == nullptr) missing.push_back(key);
  }
  Json status = map_at(external, {"status"});
  if (!observed.secret.is_null() && missing.empty()) {
    status["conditions"] = ready(
        external, true, "SecretSynced",
        fmt::format("Secret {} was made by hand; no store is asked from here", name), observed.now);
  } else {
    std::string command = fmt::format("kubectl create secret generic {} -n {}", name, meta.ns);
    for (const std::string& key : missing) command += fmt::format(" --from-literal={}=...", key);
    command += " --dry-run=client -o yaml | kubectl apply -f -";  // Plain "create" is protobuf.
    status["conditions"] = ready(
        external, false, "SecretSyncedError",
        fmt::format("store {} is not reached from here; make Secret {} by hand: {}",
                    text_at(external, {"spec", "secretStoreRef", "name"}, "none"), name, command),
        observed.now);
  }
  plan.status = std::move(status);
  return plan;
}

}  // namespace rage::workloads
