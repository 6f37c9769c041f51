// A server's certificate out of files that somebody renews: cert-manager, certbot, a Secret's
// volume.
#pragma once

#include <chrono>
#include <filesystem>

#include "base/error.h"
#include "net/http_server.h"

namespace rage::net {

// Looks at the files at most every `look_every`, when a connection is made, and reads them when
// they have changed. Half a renewal (a key that is not the certificate's, a file that is gone) is
// logged and the last good pair stays in use. An error now if the files are no certificate and its
// key.
Result<CertificateSource> certificate_files(
    const std::filesystem::path& chain, const std::filesystem::path& key,
    std::chrono::milliseconds look_every = std::chrono::seconds(1));

}  // namespace rage::net
