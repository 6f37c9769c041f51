#include "models/llama_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/strings.h"
#include "obs/log.h"

namespace rage::models {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kProbeEvery(20);
constexpr std::size_t kLogTailBytes = 2000;

// Binds, looks, and lets go: between this and the server's own bind somebody else may take the
// port; the server then ends at once and start() says so.
Result<std::uint16_t> claim_port(const std::string& host, std::uint16_t wanted) {
  const bool six = host.find(':') != std::string::npos;
  sockaddr_storage storage{};
  socklen_t size = six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  auto* four_address = reinterpret_cast<sockaddr_in*>(&storage);
  auto* six_address = reinterpret_cast<sockaddr_in6*>(&storage);
  storage.ss_family = six ? AF_INET6 : AF_INET;
  void* address = six ? static_cast<void*>(&six_address->sin6_addr) : &four_address->sin_addr;
  if (::inet_pton(storage.ss_family, host.c_str(), address) != 1) {
    return fail(ErrorCode::kInvalidArgument, "not an IP address: {}", host);
  }
  (six ? six_address->sin6_port : four_address->sin_port) = htons(wanted);
  const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(ErrorCode::kUnavailable, "no socket: {}", std::strerror(errno));
  // As servers do: a port whose last connections are still closing down is free.
  const int yes = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&storage), size) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) == 0;
  const int error = errno;
  ::close(fd);
  if (bound) return ntohs(six ? six_address->sin6_port : four_address->sin_port);
  if (error == EADDRINUSE) {
    return fail(ErrorCode::kFailedPrecondition, "port {} on {} is already in use", wanted, host);
  }
  return fail(ErrorCode::kUnavailable, "cannot bind {}:{}: {}", host, wanted, std::strerror(error));
}

std::string tail_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  const auto size = static_cast<std::size_t>(std::max<std::streamoff>(file.tellg(), 0));
  std::string tail(std::min(size, kLogTailBytes), '\0');
  file.seekg(static_cast<std::streamoff>(size - tail.size()));
  file.read(tail.data(), static_cast<std::streamsize>(tail.size()));
  return std::string(trim(tail));
}

}  // namespace

Result<void> LlamaServerOptions::validate() const {
  std::error_code ignored;
  if (!std::filesystem::exists(binary, ignored)) {
    return fail(ErrorCode::kNotFound, "no llama-server at {}; `make deps` builds it",
                binary.string());
  }
  if (!std::filesystem::is_regular_file(model, ignored)) {
    return fail(ErrorCode::kNotFound, "no model file {}", model.string());
  }
  if (model.extension() != ".gguf") {
    return fail(ErrorCode::kInvalidArgument, "llama-server runs *.gguf files, not {}",
                model.string());
  }
  if (slots == 0 || context_tokens == 0) {
    return fail(ErrorCode::kInvalidArgument, "slots and context_tokens must be at least 1");
  }
  return {};
}

std::vector<std::string> plan_llama_arguments(const LlamaServerOptions& options,
                                              std::uint16_t port) {
  const unsigned cores = std::max(1U, std::thread::hardware_concurrency());
  const unsigned prompt_threads = options.threads > 0 ? options.threads : cores;
  const unsigned threads = options.threads > 0 ? options.threads : std::max(1U, cores - 1);
  std::vector<std::string> arguments = {
      options.binary.string(), "--model", options.model.string(), "--alias",
      options.alias.empty() ? options.model.stem().string() : options.alias, "--host", options.host,
      "--port", std::to_string(port), "--threads", std::to_string(threads), "--threads-batch",
      std::to_string(prompt_threads), "--ctx-size", std::to_string(options.context_tokens),
      "--parallel", std::to_string(options.slots),
      // One pool of context for all slots: half the memory of a full context for each.
      "--kv-unified",
      // A prompt that shares a later part with the last one, as retrieved text does, reuses it.
      "--cache-reuse", "128",
      // Prompts put aside for idle slots would otherwise take up to 8 GiB of memory.
      "--cache-ram", "0", "--no-webui", "--offline"};
  if (!options.tags.empty()) {
    arguments.emplace_back("--tags");
    arguments.push_back(join(options.tags, ","));
  }
  return arguments;
}

std::string llama_base_url(const std::string& host, std::uint16_t port) {
  const bool six = host.find(':') != std::string::npos;
  return six ? fmt::format("http://[{}]:{}", host, port) : fmt::format("http://{}:{}", host, port);
}

Result<std::unique_ptr<LlamaServer>> LlamaServer::start(const Context& context,
                                                        net::HttpTransport& transport, Clock& clock,
                                                        const LlamaServerOptions& options) {
  RETURN_IF_ERROR(options.validate());
  ASSIGN_OR_RETURN(const std::uint16_t port, claim_port(options.host, options.port));
  std::unique_ptr<LlamaServer> server(new LlamaServer(transport, clock, options, port));
  RETURN_IF_ERROR(server->launch(context));
  obs::log().info("model server ready",
                  {{"model", options.model.string()}, {"url", server->base_url()}});
  server->supervisor_ =
      std::jthread([raw = server.get()](std::stop_token stop) { raw->supervise(stop); });
  return server;
}

LlamaServer::LlamaServer(net::HttpTransport& transport, Clock& clock, LlamaServerOptions options,
                         std::uint16_t port)
    : transport_(transport), clock_(clock), options_(std::move(options)), port_(port) {}

LlamaServer::~LlamaServer() {
  stop();
}

void LlamaServer::stop() {
  MutexLock lock(stopping_);
  supervisor_.request_stop();
  end_child();  // Wakes the supervisor, which waits for the process.
  if (supervisor_.joinable()) supervisor_.join();
  end_child();  // One that it may have started meanwhile.
}

void LlamaServer::end_child() {
  auto child = state_.with([](State& state) {
    state.status.is_ready = false;
    state.status.pid.reset();
    return std::exchange(state.child, nullptr);
  });
  if (child == nullptr) return;
  const ExitStatus status = child->terminate(options_.stop_grace);
  state_.with([&](State& state) { state.status.last_exit = status; });
}

LlamaServerStatus LlamaServer::status() const {
  return state_.with([](const State& state) { return state.status; });
}

Result<void> LlamaServer::launch(const Context& context) {
  ASSIGN_OR_RETURN(std::shared_ptr<ChildProcess> child,
                   ChildProcess::spawn({.argv = plan_llama_arguments(options_, port_),
                                        .log_file = options_.log_file}));
  state_.with([&](State& state) {
    state.child = child;
    state.status.pid = child->pid();
  });
  auto healthy = wait_until_healthy(context, *child);
  if (!healthy) {
    end_child();
    return healthy;
  }
  state_.with([](State& state) { state.status.is_ready = true; });
  return {};
}

Result<void> LlamaServer::wait_until_healthy(const Context& context, ChildProcess& child) {
  const net::ClientRequest probe{.url = base_url() + "/health",
                                 .connect_timeout = milliseconds(1'000),
                                 .idle_timeout = milliseconds(5'000)};
  Context limited = context;
  limited.deadline = std::chrono::steady_clock::now() + context.remaining(options_.start_timeout);
  while (true) {
    const auto reply = transport_.fetch(limited, probe);
    // Only our own child counts: another server on the port would answer as well.
    if (const auto ended = child.wait(std::chrono::steady_clock::now())) {
      return fail(explain_early_end(*ended));
    }
    if (reply && reply->status == 200) return {};
    if (auto going_on = limited.check(); !going_on) {
      return fail(std::move(going_on).error().with_context(
          fmt::format("waiting for {} to load", options_.model.string())));
    }
    if (const auto ended = child.wait(std::chrono::steady_clock::now() + kProbeEvery)) {
      return fail(explain_early_end(*ended));
    }
  }
}

Error LlamaServer::explain_early_end(const ExitStatus& status) const {
  return {.code = ErrorCode::kFailedPrecondition,
          .message = fmt::format("llama-server ended while loading {}: {}", options_.model.string(),
                                 describe(status)),
          .detail = options_.log_file.empty() ? std::string() : tail_of(options_.log_file)};
}

void LlamaServer::supervise(std::stop_token stop) {
  milliseconds backoff = options_.backoff_first;
  SteadyTime ready_since = std::chrono::steady_clock::now();
  while (!stop.stop_requested()) {
    const auto child = state_.with([](const State& state) { return state.child; });
    if (child != nullptr) {
      const auto ended = child->wait();
      if (stop.stop_requested()) return;
      state_.with([&](State& state) {
        state.child.reset();
        state.status = {.restarts = state.status.restarts + 1, .last_exit = *ended};
      });
      obs::log().warn("model server ended, restarting it",
                      {{"model", options_.model.string()}, {"status", describe(*ended)}});
      const auto ran = std::chrono::steady_clock::now() - ready_since;
      if (ran >= options_.stable_after) backoff = options_.backoff_first;
    }
    if (!clock_.sleep_for(backoff, stop)) return;
    backoff = std::min(backoff * 2, options_.backoff_max);
    if (auto launched = launch(Context{.stop = stop}); launched) {
      ready_since = std::chrono::steady_clock::now();
      obs::log().info("model server ready again", {{"url", base_url()}});
    } else if (!stop.stop_requested()) {
      obs::log().error("model server does not start",
                       {{"error", launched.error().message}, {"log", launched.error().detail}});
    }
  }
}

}  // namespace rage::models
