#include "embed/remote_embedder.h"

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

namespace rage::embed {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kReplyBytesMax = std::uint64_t{64} << 20;
constexpr milliseconds kConnectTimeout{5'000};
constexpr auto kFreshFor = std::chrono::seconds(10);
constexpr const char* kProbe = "ready";

double random_spread() {
  thread_local std::minstd_rand engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0.0, 1.0)(engine);
}

Context bounded(const Context& context, milliseconds timeout) {
  Context inner = context;
  inner.deadline = std::chrono::steady_clock::now() + context.remaining(timeout);
  return inner;
}

std::vector<std::string> cut_texts(std::span<const std::string> texts, std::size_t tokens_max) {
  std::vector<std::string> cut;
  cut.reserve(texts.size());
  for (const std::string& text : texts) cut.emplace_back(cut_at_tokens(text, tokens_max));
  return cut;
}

}  // namespace

Result<void> RemoteEmbedderOptions::validate() const {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return fail(ErrorCode::kInvalidArgument,
                "the embedder's address must begin with http:// or https://: '{}'", shown_url(url));
  }
  if (texts_per_request_max == 0 || requests_at_once_max == 0 || attempts_max < 1 ||
      tokens_max < 16) {
    return fail(ErrorCode::kInvalidArgument, "a remote embedder's limits must be positive");
  }
  return {};
}

RemoteEmbedder::RemoteEmbedder(net::HttpTransport& transport, Clock& clock,
                               RemoteEmbedderOptions options)
    : transport_(transport), clock_(clock), options_(std::move(options)), model_(options_.model) {}

Result<std::unique_ptr<RemoteEmbedder>> RemoteEmbedder::connect(const Context& context,
                                                                net::HttpTransport& transport,
                                                                Clock& clock,
                                                                RemoteEmbedderOptions options) {
  RETURN_IF_ERROR(options.validate());
  std::unique_ptr<RemoteEmbedder> embedder(
      new RemoteEmbedder(transport, clock, std::move(options)));
  RETURN_IF_ERROR(embedder->learn(context));
  return embedder;
}

Result<void> RemoteEmbedder::learn(const Context& context) {
  const std::vector<std::string> one = {kProbe};
  auto first = ask(context, one, TextKind::kPassage, options_.attempts_max);
  if (!first) return fail(std::move(first).error().with_context("checking the embedder"));
  dimension_ = first->vectors.dimension;
  if (model_.empty()) model_ = first->model;
  id_ = model_.empty() ? shown_url(options_.url) : model_;
  // What more the service can do is tried, not assumed: several texts at once, and being told
  // whether they are questions.
  if (options_.api == RemoteApi::kOpenAi) {
    texts_per_request_ = options_.texts_per_request_max;
    sends_kind_ = true;
    const auto kinds = ask(context, one, TextKind::kQuery, 1);
    sends_kind_ = kinds && kinds->vectors.dimension == dimension_;
  } else if (options_.texts_per_request_max > 1) {
    const std::vector<std::string> two = {kProbe, kProbe};
    const auto several = ask(context, two, TextKind::kPassage, 1);
    const bool taken = several && several->vectors.dimension == dimension_;
    if (taken) texts_per_request_ = options_.texts_per_request_max;
  }
  return {};
}

Result<void> RemoteEmbedder::enter(const Context& context) {
  MutexLock lock(mutex_);
  if (asking_ >= options_.requests_at_once_max && waiting_ >= options_.calls_waiting_max) {
    return fail(Error{.code = ErrorCode::kResourceExhausted,
                      .message = "too many calls wait for the embedding service; try again later",
                      .retry_after = milliseconds(1'000)});
  }
  ++waiting_;
  const auto free = [this]() REQUIRES(mutex_) { return asking_ < options_.requests_at_once_max; };
  bool entered = false;
  if (context.deadline) {
    entered = changed_.wait_until(mutex_, context.stop, *context.deadline, free);
  } else {
    entered = changed_.wait(mutex_, context.stop, free);
  }
  --waiting_;
  if (!entered) {
    RETURN_IF_ERROR(context.check());
    return fail(ErrorCode::kCancelled, "the caller gave up");
  }
  ++asking_;
  return {};
}

void RemoteEmbedder::leave() {
  MutexLock lock(mutex_);
  --asking_;
  changed_.notify_one();
}

Result<RemoteVectors> RemoteEmbedder::ask_once(const Context& context,
                                               std::span<const std::string> texts, TextKind kind,
                                               int& status) {
  status = 0;
  const bool openai = options_.api == RemoteApi::kOpenAi;
  net::ClientRequest request{
      .method = "POST",
      .url = options_.url,
      .headers = {{"content-type", "application/json"}},
      .body = openai ? render_openai_request(options_.model, texts, kind, sends_kind_)
                     : render_kaito_request(texts),
      .connect_timeout = kConnectTimeout,
      .body_bytes_max = kReplyBytesMax};
  if (!options_.token.empty()) request.headers.set("authorization", "Bearer " + options_.token);
  ASSIGN_OR_RETURN(const net::HttpResponse reply,
                   transport_.fetch(bounded(context, options_.timeout), request));
  status = reply.status;
  if (reply.status != 200) {
    return fail(remote_error(reply.status, reply.body, reply.headers.find("retry-after")));
  }
  return openai ? parse_openai_reply(reply.body, texts.size())
                : parse_kaito_reply(reply.body, texts.size());
}

Result<RemoteVectors> RemoteEmbedder::ask(const Context& context,
                                          std::span<const std::string> texts, TextKind kind,
                                          int attempts_max) {
  for (int attempt = 1;; ++attempt) {
    RETURN_IF_ERROR(context.check());
    int status = 0;
    auto reply = ask_once(context, texts, kind, status);
    if (reply) {
      succeeded_.store(clock_.now().time_since_epoch().count(), std::memory_order_relaxed);
      return reply;
    }
    Error error = std::move(reply).error();
    RETURN_IF_ERROR(context.check());  // Ours to give up, whatever came.
    if (attempt >= attempts_max || !is_worth_retrying(error, status)) {
      // A caller of ours has not run out of time, the service has.
      if (error.code == ErrorCode::kDeadlineExceeded) error.code = ErrorCode::kUnavailable;
      return fail(std::move(error).with_context(shown_url(options_.url)));
    }
    const auto wait = backoff_before(attempt + 1, error.retry_after, random_spread());
    if (context.remaining(wait) < wait || !clock_.sleep_for(wait, context.stop)) {
      return fail(std::move(error).with_context(shown_url(options_.url)));
    }
  }
}

Result<void> RemoteEmbedder::check_same_model(const RemoteVectors& reply) const {
  if (reply.vectors.dimension != dimension_) {
    return fail(ErrorCode::kFailedPrecondition,
                "{}: its vectors have {} dimensions now, {} when this service started: it serves "
                "another model. Restart this service, and `rage reindex` its indexes",
                shown_url(options_.url), reply.vectors.dimension, dimension_);
  }
  if (!reply.model.empty() && !model_.empty() && options_.model.empty() && reply.model != model_) {
    return fail(ErrorCode::kFailedPrecondition,
                "{}: it serves the model '{}' now, '{}' when this service started. Restart this "
                "service, and `rage reindex` its indexes",
                shown_url(options_.url), reply.model, model_);
  }
  return {};
}

Result<EmbeddingMatrix> RemoteEmbedder::embed(const Context& context,
                                              std::span<const std::string> texts, TextKind kind) {
  EmbeddingMatrix matrix{.rows = texts.size(), .dimension = dimension_, .values = {}};
  matrix.values.reserve(texts.size() * dimension_);
  const std::vector<std::string> cut = cut_texts(texts, options_.tokens_max);
  std::span<const std::string> rest = cut;
  while (!rest.empty()) {
    const auto part = rest.first(std::min(texts_per_request_, rest.size()));
    RETURN_IF_ERROR(enter(context));
    const auto reply = ask(context, part, kind, options_.attempts_max);
    leave();
    if (!reply) return fail(reply.error());
    RETURN_IF_ERROR(check_same_model(*reply));
    matrix.values.insert(matrix.values.end(), reply->vectors.values.begin(),
                         reply->vectors.values.end());
    rest = rest.subspan(part.size());
  }
  return matrix;
}

Result<void> RemoteEmbedder::ready(const Context& context) {
  const SteadyTime succeeded{SteadyTime::duration(succeeded_.load(std::memory_order_relaxed))};
  if (clock_.now() - succeeded < kFreshFor) return {};
  const std::vector<std::string> one = {kProbe};
  ASSIGN_OR_RETURN(const RemoteVectors reply, ask(context, one, TextKind::kQuery, 1));
  return check_same_model(reply);
}

}  // namespace rage::embed
