#include "net/certificate_files.h"

#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "base/files.h"
#include "base/mutex.h"
#include "net/detail/server_tls.h"
#include "obs/log.h"

namespace rage::net {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPemBytesMax = std::uint64_t{1} << 20;

using Stamp = std::pair<fs::file_time_type, std::uintmax_t>;

// A volume of a Secret swaps a link: times and sizes are those of what it leads to.
Stamp stamp_of(const fs::path& path) {
  std::error_code error;
  const auto time = fs::last_write_time(path, error);
  const auto size = fs::file_size(path, error);
  return error ? Stamp{} : Stamp{time, size};
}

// Resource. Thread-safe.
class CertificateFiles final {
 public:
  CertificateFiles(fs::path chain, fs::path key, std::chrono::milliseconds look_every)
      : chain_(std::move(chain)), key_(std::move(key)), look_every_(look_every) {}

  Result<std::shared_ptr<const ServerCertificate>> get() {
    MutexLock lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (current_ && now - looked_ < look_every_) return current_;
    looked_ = now;
    const std::pair<Stamp, Stamp> stamps{stamp_of(chain_), stamp_of(key_)};
    if (current_ && stamps == stamps_) return current_;
    auto fresh = read();
    if (!fresh && !current_) return fail(std::move(fresh).error());
    if (!fresh) {
      if (complaint_ != fresh.error().message) {
        complaint_ = fresh.error().message;
        obs::log().error("renewed certificate not usable, the last good one stays",
                         {{"file", chain_.string()}, {"error", complaint_}});
      }
      return current_;
    }
    complaint_.clear();
    if (current_) obs::log().info("certificate renewed", {{"file", chain_.string()}});
    current_ = std::make_shared<const ServerCertificate>(*std::move(fresh));
    stamps_ = stamps;
    return current_;
  }

 private:
  Result<ServerCertificate> read() const {
    ServerCertificate pem;
    ASSIGN_OR_RETURN(pem.chain_pem, read_file(chain_, kPemBytesMax));
    ASSIGN_OR_RETURN(pem.key_pem, read_file(key_, kPemBytesMax));
    const auto usable = detail::make_tls_context(pem);
    if (!usable) return fail(Error(usable.error()).with_context(chain_.string()));
    return pem;
  }

  const fs::path chain_;
  const fs::path key_;
  const std::chrono::milliseconds look_every_;
  Mutex mutex_;
  std::shared_ptr<const ServerCertificate> current_ GUARDED_BY(mutex_);
  std::pair<Stamp, Stamp> stamps_ GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point looked_ GUARDED_BY(mutex_);
  std::string complaint_ GUARDED_BY(mutex_);
};

}  // namespace

Result<CertificateSource> certificate_files(const fs::path& chain, const fs::path& key,
                                            std::chrono::milliseconds look_every) {
  const auto files = std::make_shared<CertificateFiles>(chain, key, look_every);
  RETURN_IF_ERROR(files->get());
  return CertificateSource([files] { return files->get(); });
}

}  // namespace rage::net
