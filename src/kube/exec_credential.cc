#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "base/mutex.h"
#include "base/process.h"
#include "base/strings.h"
#include "codec/json.h"
#include "kube/detail/token_sources.h"

namespace rage::kube::detail {
namespace {

using codec::Json;
using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr milliseconds kPollSlice = 50ms;  // How long a cancelled caller may have to wait.
constexpr milliseconds kGrace = 500ms;
// A token that expires on its way is worthless.
constexpr std::chrono::seconds kExpiryMargin = 10s;

// Resource. A descriptor with an owner.
class Descriptor final {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

// All that comes until the other end is closed.
Result<std::string> read_output(const Context& context, int fd, std::size_t bytes_max) {
  std::string output;
  std::array<char, 4096> bytes;
  while (true) {
    RETURN_IF_ERROR(context.check());
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    const auto slice = context.remaining(kPollSlice) + 1ms;
    if (::poll(&waiting, 1, static_cast<int>(slice.count())) <= 0) continue;
    const ssize_t count = ::read(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorCode::kUnavailable, "reading: {}", std::strerror(errno));
    if (count == 0) return output;
    output.append(bytes.data(), static_cast<std::size_t>(count));
    if (output.size() > bytes_max) {
      return fail(ErrorCode::kResourceExhausted, "it printed more than {} bytes", bytes_max);
    }
  }
}

std::string exec_info(const ExecPlugin& plugin) {
  Json info = {{"apiVersion", plugin.api_version},
               {"kind", "ExecCredential"},
               {"spec", Json{{"interactive", false}}}};
  if (!plugin.cluster.is_null()) info["spec"]["cluster"] = plugin.cluster;
  return codec::render_json(info);
}

Result<std::string> run_plugin(const Context& context, const ExecPlugin& plugin) {
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return fail(ErrorCode::kResourceExhausted, "no pipe: {}", std::strerror(errno));
  }
  const Descriptor ours(ends[0]);
  Descriptor theirs(ends[1]);
  ProcessOptions options{
      .argv = plugin.argv, .environment = plugin.environment, .stdout_fd = theirs.get()};
  options.environment.emplace_back("KUBERNETES_EXEC_INFO", exec_info(plugin));
  ASSIGN_OR_RETURN(const auto process, ChildProcess::spawn(options));
  theirs.close();
  auto output = read_output(context, ours.get(), plugin.output_bytes_max);
  if (!output) {
    process->terminate(kGrace);
    return output;
  }
  // It may close its output and stay.
  auto status = process->wait(std::chrono::steady_clock::now() + context.remaining(5s));
  if (!status) status = process->terminate(kGrace);
  if (status->code != 0) return fail(ErrorCode::kUnauthenticated, describe(*status));
  return output;
}

class ExecToken final : public TokenSource {
 public:
  ExecToken(ExecPlugin plugin, std::shared_ptr<const net::TlsOptions> tls, Clock& clock)
      : plugin_(std::move(plugin)), base_tls_(std::move(tls)), clock_(clock) {}

  Result<std::string> token(const Context& context) override {
    return cached_.with([&](Cached& cached) -> Result<std::string> {
      const auto& expiry = cached.credential.expires_at;
      if (cached.valid && (!expiry || clock_.wall_now() + kExpiryMargin < *expiry)) {
        return cached.credential.token;
      }
      auto fresh = run(context);
      if (!fresh) {
        const std::string hint = plugin_.install_hint.empty() ? "" : "; " + plugin_.install_hint;
        Error error = std::move(fresh).error();
        error.message =
            fmt::format("credential plug-in '{}': {}{}", plugin_.argv.front(), error.message, hint);
        return fail(std::move(error));
      }
      cached = {.valid = true, .credential = *std::move(fresh)};
      if (!cached.credential.certificate_pem.empty()) {
        auto tls = base_tls_ ? *base_tls_ : net::TlsOptions{};
        tls.certificate_pem = cached.credential.certificate_pem;
        tls.key_pem = cached.credential.key_pem;
        cached.tls = std::make_shared<const net::TlsOptions>(std::move(tls));
      }
      return cached.credential.token;
    });
  }

  void invalidate() override {
    cached_.with([](Cached& cached) { cached.valid = false; });
  }
  std::shared_ptr<const net::TlsOptions> tls() override {
    return cached_.with([](const Cached& cached) { return cached.tls; });
  }

 private:
  struct Cached {
    bool valid = false;
    ExecCredential credential = {};
    std::shared_ptr<const net::TlsOptions> tls = nullptr;
  };

  Result<ExecCredential> run(const Context& context) const {
    Context limited = context;
    const auto end = Context::with_timeout(plugin_.timeout).deadline.value_or(SteadyTime::max());
    limited.deadline = std::min(context.deadline.value_or(end), end);
    ASSIGN_OR_RETURN(const std::string output, run_plugin(limited, plugin_));
    return parse_exec_credential(output, plugin_.api_version);
  }

  const ExecPlugin plugin_;
  const std::shared_ptr<const net::TlsOptions> base_tls_;
  Clock& clock_;
  Guarded<Cached> cached_;
};

}  // namespace

Result<ExecCredential> parse_exec_credential(std::string_view output,
                                             std::string_view api_version) {
  const auto document = codec::parse_json(output, {.bytes_max = output.size()});
  if (!document || codec::string_or(*document, "kind", "") != "ExecCredential") {
    return fail(ErrorCode::kInvalidArgument, "it printed no ExecCredential");
  }
  if (const std::string version = codec::string_or(*document, "apiVersion", "");
      version != api_version) {
    return fail(ErrorCode::kInvalidArgument, "it speaks '{}', not '{}'", version, api_version);
  }
  const Json* status = codec::find_key(*document, "status");
  const Json empty = Json::object();
  const Json& given = status != nullptr ? *status : empty;
  ExecCredential credential{.token = codec::string_or(given, "token", ""),
                            .certificate_pem = codec::string_or(given, "clientCertificateData", ""),
                            .key_pem = codec::string_or(given, "clientKeyData", ""),
                            .expires_at = std::nullopt};
  if (credential.token.empty() && credential.certificate_pem.empty()) {
    return fail(ErrorCode::kInvalidArgument, "it gave neither a token nor a certificate");
  }
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) {
    return fail(ErrorCode::kInvalidArgument, "it gave a certificate or a key without the other");
  }
  if (const std::string expiry = codec::string_or(given, "expirationTimestamp", "");
      !expiry.empty()) {
    credential.expires_at = parse_rfc3339(expiry);
    if (!credential.expires_at) {
      return fail(ErrorCode::kInvalidArgument, "'{}' is no time of expiry", expiry);
    }
  }
  return credential;
}

std::shared_ptr<TokenSource> make_exec_token(ExecPlugin plugin,
                                             std::shared_ptr<const net::TlsOptions> tls,
                                             Clock& clock) {
  return std::make_shared<ExecToken>(std::move(plugin), std::move(tls), clock);
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const std::string copy(text.substr(0, 64));
  std::tm fields{};
  const char* rest = ::strptime(copy.c_str(), "%Y-%m-%dT%H:%M:%S", &fields);
  if (rest == nullptr) return std::nullopt;
  if (*rest == '.') {  // Parts of a second do not matter to us.
    do ++rest;
    while (is_ascii_digit(*rest));
  }
  std::tm offset{};
  int sign = 0;
  if (*rest == '+' || *rest == '-') {
    sign = *rest == '-' ? -1 : 1;
    rest = ::strptime(rest + 1, "%H:%M", &offset);
  } else if (*rest == 'Z' || *rest == 'z') {
    ++rest;
  } else {
    return std::nullopt;
  }
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  // What a clock of nanoseconds can hold; 9999 is a way to say "never".
  fields.tm_year = std::clamp(fields.tm_year, 70, 300);
  const auto east = std::chrono::hours(offset.tm_hour) + std::chrono::minutes(offset.tm_min);
  return std::chrono::system_clock::from_time_t(::timegm(&fields)) - sign * east;
}

}  // namespace rage::kube::detail
