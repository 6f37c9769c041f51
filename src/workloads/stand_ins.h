// What cert-manager and external-secrets would do, as far as one machine can, saying so. Pure but
// for the random key. Source: cert-manager.io/v1 Certificate; external-secrets.io ExternalSecret.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/http_server.h"
#include "workloads/plan.h"

namespace rage::workloads {

struct CertificateObservation {
  Json certificate;
  Json secret;  // Of spec.secretName; null: absent.
  // PEM, self-signed, for these DNS names and IP addresses.
  std::function<Result<net::ServerCertificate>(const std::vector<std::string>& names)> make;
  WallTime now;
};

// A Secret of type kubernetes.io/tls with a self-signed certificate, whatever issuer is named; the
// condition Ready says that it is self-signed. A Secret that somebody else made is left alone.
Plan plan_certificate(const CertificateObservation& observed);

struct ExternalSecretObservation {
  Json external_secret;
  Json secret;  // Of spec.target.name; null: absent.
  WallTime now;
};

// No store is reached from here: Ready is False with the command that makes the Secret by hand, and
// True once it has all keys.
Plan plan_external_secret(const ExternalSecretObservation& observed);

}  // namespace rage::workloads
