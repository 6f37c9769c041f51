#include "cluster/pod_exec.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <thread>
#include <utility>

#include "apis/meta.h"
#include "cluster/detail/pod_log.h"
#include "cluster/detail/streams.h"
#include "cluster/request.h"
#include "kubeobjects/status.h"

namespace rage::cluster::detail {
namespace {

using kubeobjects::bad_request;

constexpr int kLookMilliseconds = 100;

// Both ends of a pipe; each is closed once.
class Pipe final {
 public:
  static Result<std::unique_ptr<Pipe>> open() {
    auto pipe = std::make_unique<Pipe>();
    if (::pipe2(pipe->ends_.data(), O_CLOEXEC) == 0) return pipe;
    return fail(ErrorCode::kResourceExhausted, "no pipe: {}", std::strerror(errno));
  }
  Pipe() = default;
  ~Pipe() {
    close_reading();
    close_writing();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void close_reading() { close(0); }
  void close_writing() { close(1); }

 private:
  void close(std::size_t end) {
    if (ends_[end] >= 0) ::close(std::exchange(ends_[end], -1));
  }
  std::array<int, 2> ends_{-1, -1};
};

// As kubelet words it: kubectl ends with the program's exit code.
Json status_of(const Result<ExitStatus>& ended) {
  Json status = Json::object();
  status["metadata"] = Json::object();
  if (ended && ended->code == 0) {
    status["status"] = "Success";
    return status;
  }
  status["status"] = "Failure";
  status["reason"] = ended ? "NonZeroExitCode" : "InternalError";
  status["message"] =
      ended ? fmt::format("command terminated with non-zero exit code: {}", describe(*ended))
            : ended.error().message;
  if (ended) {
    const Json cause = {{"reason", "ExitCode"}, {"message", std::to_string(ended->code)}};
    status["details"]["causes"] = Json::array({cause});
  }
  return status;
}

Result<PodExecRequest> parse_request(const Json& pod, const codec::QueryParameters& parameters) {
  if (is_true(parameters, "tty")) {
    return fail(bad_request("there are no terminals here: leave out --tty (-t)"));
  }
  PodExecRequest request{.pod_uid = apis::parse_meta(pod).uid};
  ASSIGN_OR_RETURN(request.container, container_of(pod, parameter_or(parameters, "container", "")));
  for (const auto& [name, value] : parameters) {
    if (name == "command") request.command.push_back(value);
  }
  if (request.command.empty()) return fail(bad_request("you must specify a command"));
  return request;
}

// One program and its streams. The client's input is the caller's thread's, its output has a thread
// each, and one more waits for the end.
class ExecSession final {
 public:
  ExecSession(const Context& context, StreamSession& session)
      : context_(context), session_(session) {}
  ~ExecSession() {
    if (child_) child_->terminate(std::chrono::milliseconds(0));
  }
  ExecSession(const ExecSession&) = delete;
  ExecSession& operator=(const ExecSession&) = delete;

  // Until the client has opened what it said it would; false: it left.
  bool wait_for_streams(const codec::QueryParameters& parameters) {
    std::size_t wanted = 1;
    for (const char* name : {"stdin", "stdout", "stderr"}) wanted += is_true(parameters, name);
    while (streams_.size() < wanted) {
      const auto frame = session_.next();
      if (!frame) return false;
      if (frame->type != SpdyFrame::Type::kOpen) continue;
      const std::string type(frame->headers.find("streamtype"));
      streams_[type] = frame->stream;
      if (!is_true(parameters, type) && type != "error") return false;
    }
    return true;
  }

  void start(PodExec& exec, const PodExecRequest& request) {
    const Result<void> begun = spawn(exec, request);
    if (!begun) {
      in_.reset();
      close("stdout");
      close("stderr");
      return tell_end(fail(begun.error()));
    }
    finisher_ = std::jthread([this] { finish(); });
  }

  void pass_input() {
    while (const auto frame = session_.next()) {
      if (frame->stream != stream_of("stdin") || in_ == nullptr) continue;
      if (frame->type == SpdyFrame::Type::kData) write_input(frame->data);
      if (frame->fin || frame->type == SpdyFrame::Type::kReset) in_->close_writing();
    }
  }

 private:
  std::uint32_t stream_of(const std::string& type) const {
    const auto found = streams_.find(type);
    return found == streams_.end() ? 0 : found->second;
  }

  Result<void> spawn(PodExec& exec, const PodExecRequest& request) {
    ASSIGN_OR_RETURN(in_, Pipe::open());
    ASSIGN_OR_RETURN(out_, Pipe::open());
    ASSIGN_OR_RETURN(err_, Pipe::open());
    if (stream_of("stdin") == 0) in_->close_writing();
    ASSIGN_OR_RETURN(
        child_, exec.start(request,
                           {.in = in_->reading(), .out = out_->writing(), .err = err_->writing()}));
    in_->close_reading();
    out_->close_writing();
    err_->close_writing();
    ::fcntl(in_->writing(), F_SETFL, O_NONBLOCK);
    return {};
  }

  void copy(Pipe& from, const std::string& type) {
    const auto buffer = std::make_unique<char[]>(kPieceBytes);
    const std::uint32_t stream = stream_of(type);
    while (true) {
      const ssize_t got = ::read(from.reading(), buffer.get(), kPieceBytes);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      if (stream == 0) continue;  // The client did not ask for it.
      const std::string_view bytes(buffer.get(), static_cast<std::size_t>(got));
      if (!session_.send(stream, bytes, StreamEnd::kOpen)) break;
    }
    from.close_reading();  // The program is told that nobody listens.
    close(type);
  }

  void close(const std::string& type) {
    const std::uint32_t stream = stream_of(type);
    if (stream != 0) (void)session_.send(stream, "", StreamEnd::kClosed);
  }

  void finish() {
    {
      std::jthread errors([this] { copy(*err_, "stderr"); });
      copy(*out_, "stdout");
    }
    tell_end(*child_->wait());
  }

  void tell_end(const Result<ExitStatus>& ended) {
    (void)session_.send(stream_of("error"), codec::render_json(status_of(ended)),
                        StreamEnd::kClosed);
  }

  // What the program does not take is dropped when it ends or the client leaves.
  void write_input(std::string_view bytes) {
    while (!bytes.empty() && in_->writing() >= 0) {
      const ssize_t written = ::write(in_->writing(), bytes.data(), bytes.size());
      if (written >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
        continue;
      }
      if (errno == EINTR) continue;
      if (errno != EAGAIN || context_.stop.stop_requested()) return;
      pollfd waiting{.fd = in_->writing(), .events = POLLOUT, .revents = 0};
      (void)::poll(&waiting, 1, kLookMilliseconds);
    }
  }

  const Context& context_;
  StreamSession& session_;
  std::map<std::string, std::uint32_t> streams_;  // By type.
  std::unique_ptr<Pipe> in_;
  std::unique_ptr<Pipe> out_;
  std::unique_ptr<Pipe> err_;
  std::unique_ptr<ChildProcess> child_;
  std::jthread finisher_;  // Last: it uses everything above.
};

}  // namespace

Result<void> serve_pod_exec(const Context& context, const Json& pod,
                            const codec::QueryParameters& parameters, PodExec* exec,
                            const net::HttpRequest& request, net::ResponseWriter& writer) {
  if (exec == nullptr) return fail(kubeobjects::no_such_resource());
  ASSIGN_OR_RETURN(const PodExecRequest asked, parse_request(pod, parameters));
  ASSIGN_OR_RETURN(
      const auto session,
      StreamSession::accept(request, {"v5.channel.k8s.io", "v4.channel.k8s.io"}, writer));
  ExecSession running(context, *session);
  if (!running.wait_for_streams(parameters)) return {};
  running.start(*exec, asked);
  running.pass_input();
  return {};
}

}  // namespace rage::cluster::detail
