#include "assistant/upstream.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>

#include "base/strings.h"
#include "codec/sse.h"
#include "llm/chat_span.h"
#include "llm/openai_client.h"
#include "obs/span.h"

namespace rage::assistant {
namespace {

using codec::Json;
using std::chrono::milliseconds;

constexpr std::uint64_t kModelReplyBytesMax = std::uint64_t{32} << 20;
constexpr std::size_t kErrorBytesMax = 64 << 10;

ErrorCode code_of(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kUnauthenticated;
    case 404:
      return ErrorCode::kNotFound;
    case 408:
      return ErrorCode::kDeadlineExceeded;
    case 409:
      return ErrorCode::kUnavailable;
    case 429:
      return ErrorCode::kResourceExhausted;
    default:
      return status >= 500 ? ErrorCode::kUnavailable : ErrorCode::kInvalidArgument;
  }
}

std::optional<milliseconds> retry_after(const net::Headers& headers) {
  const auto seconds = parse_double(trim(headers.find("retry-after")));
  if (!seconds || !(*seconds > 0) || *seconds > 60) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(std::ceil(*seconds * 1000)));
}

Error error_of(const net::HttpResponse& reply) {
  return {.code = code_of(reply.status),
          .message = llm::extract_error_text(reply.status, reply.body),
          .detail = fmt::format("the upstream answered {}", reply.status),
          .retry_after = retry_after(reply.headers)};
}

const Json* first_choice(const Json& reply) {
  const Json* choices = codec::find_key(reply, "choices");
  return choices != nullptr && choices->is_array() && !choices->empty() ? &(*choices)[0] : nullptr;
}

// What a completion and the chunks of a stream have in common.
void take_facts(const Json& reply, Answer& answer) {
  if (std::string model = codec::string_or(reply, "model", ""); !model.empty()) {
    answer.model = std::move(model);
  }
  const auto take = [&](const char* key, Json& out) {
    const Json* value = codec::find_key(reply, key);
    if (value != nullptr && !value->is_null()) out = *value;
  };
  take("usage", answer.usage);
  take("grounding", answer.grounding);
  take("source_nodes", answer.sources);
}

Result<Answer> answer_of(const std::string& body) {
  const auto completion = codec::parse_json(body);
  const Json* choice = completion ? first_choice(*completion) : nullptr;
  const Json* message = choice == nullptr ? nullptr : codec::find_key(*choice, "message");
  if (message == nullptr) {
    return fail(ErrorCode::kDataLoss, "the upstream's reply is no chat completion");
  }
  Answer answer{.text = codec::string_or(*message, "content", ""), .model = {}};
  take_facts(*completion, answer);
  return answer;
}

// Reads the events of one stream. One thread.
class StreamReader final {
 public:
  explicit StreamReader(const OnText& on_text) : on_text_(on_text) {}

  // False once nothing more is wanted.
  bool feed(std::string_view bytes) {
    const auto fed = parser_.feed(bytes, [this](const codec::SseEvent& event) {
      if (!done_) take(trim(event.data));
    });
    if (!fed && !done_) end(fail(fed.error()));
    return !done_;
  }

  // `transferred`: how the connection ended.
  Result<Answer> finish(const Result<void>& transferred) {
    if (done_ && !outcome_) return fail(outcome_.error());
    if (done_ || finished_) return std::move(answer_);
    if (!transferred) return fail(transferred.error());
    return fail(ErrorCode::kDataLoss, "the upstream's answer ended early");
  }
  bool has_text() const { return !answer_.text.empty(); }

 private:
  void end(Result<void> outcome) {
    done_ = true;
    outcome_ = std::move(outcome);
  }

  void take(std::string_view data) {
    if (data == "[DONE]") return end({});
    if (data.empty()) return;
    const auto chunk = codec::parse_json(data);
    if (!chunk || !chunk->is_object()) {
      return end(fail(ErrorCode::kDataLoss, "the upstream's stream holds what is no chunk"));
    }
    if (codec::find_key(*chunk, "error") != nullptr) {
      return end(fail(ErrorCode::kUnavailable, llm::extract_error_text(500, data)));
    }
    take_facts(*chunk, answer_);
    const Json* choice = first_choice(*chunk);
    if (choice == nullptr) return;
    const Json* reason = codec::find_key(*choice, "finish_reason");
    finished_ = finished_ || (reason != nullptr && !reason->is_null());
    const Json* delta = codec::find_key(*choice, "delta");
    const std::string text = delta == nullptr ? "" : codec::string_or(*delta, "content", "");
    if (text.empty()) return;
    answer_.text += text;
    if (!on_text_(text)) end({});
  }

  const OnText& on_text_;
  codec::SseParser parser_;
  Answer answer_;
  bool finished_ = false;  // A finish reason was given: what may follow is usage.
  bool done_ = false;
  Result<void> outcome_;
};

double chance() {
  thread_local std::minstd_rand engine(std::random_device{}());
  return std::uniform_real_distribution<double>(0, 1)(engine);
}

void note_answer(llm::ChatSpan& span, const Result<Answer>& answer) {
  if (answer) span.take({{"model", answer->model}, {"usage", answer->usage}});
  span.end(answer);
}

}  // namespace

// How one request went.
struct Upstream::Attempt {
  Result<Answer> answer = fail(ErrorCode::kInternal, "not asked");
  bool repeatable = false;
};

bool is_worth_a_retry(int status) {
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

milliseconds retry_pause(int retry, std::optional<milliseconds> asked_for, double chance) {
  if (asked_for) return *asked_for;
  const double seconds = std::min(0.5 * std::pow(2.0, retry), 8.0);
  return milliseconds(static_cast<std::int64_t>(seconds * 1000 * (1 - 0.25 * chance)));
}

Result<std::unique_ptr<Upstream>> Upstream::create(net::HttpTransport& transport, Clock& clock,
                                                   const UpstreamOptions& options) {
  ASSIGN_OR_RETURN(const auto urls, llm::plan_openai_urls(options.base_url));
  return std::unique_ptr<Upstream>(new Upstream(transport, clock, options, urls.chat_completions));
}

net::ClientRequest Upstream::request_for(const Json& body, int retry) const {
  net::ClientRequest request{.method = "POST",
                             .url = completions_url_,
                             .headers = {{"content-type", "application/json"},
                                         {"accept", "application/json"},
                                         {"user-agent", fmt::format("RAGE/{}", RAGE_VERSION)},
                                         {"x-stainless-retry-count", std::to_string(retry)}},
                             .body = codec::render_json(body),
                             .connect_timeout = options_.connect_timeout,
                             .idle_timeout = options_.read_timeout,
                             .body_bytes_max = kModelReplyBytesMax};
  if (!options_.api_key.empty()) {
    request.headers.set("authorization", "Bearer " + options_.api_key);
  }
  return request;
}

Upstream::Attempt Upstream::ask_whole(const Context& context,
                                      const net::ClientRequest& request) const {
  const auto reply = transport_.fetch(context, request);
  if (!reply) {
    return {.answer = fail(reply.error()),
            .repeatable = reply.error().code == ErrorCode::kUnavailable};
  }
  if (reply->status != 200) {
    return {.answer = fail(error_of(*reply)), .repeatable = is_worth_a_retry(reply->status)};
  }
  return {.answer = answer_of(reply->body)};
}

Upstream::Attempt Upstream::ask_stream(const Context& context, const net::ClientRequest& request,
                                       const OnText& on_text) const {
  StreamReader reader(on_text);
  net::HttpResponse head;
  bool streams = false;
  const auto on_head = [&](const net::HttpResponse& begun) {
    head = begun;
    const std::string type = to_lower_ascii(begun.headers.find("content-type"));
    streams = begun.status == 200 && type.starts_with("text/event-stream");
    return true;
  };
  const auto on_bytes = [&](std::string_view bytes) {
    if (streams) return reader.feed(bytes) && !context.stop.stop_requested();
    const std::size_t most = head.status == 200 ? kModelReplyBytesMax : kErrorBytesMax;
    head.body += bytes.substr(0, most - head.body.size());
    return head.body.size() < most;
  };
  const auto streamed = transport_.stream(context, request, on_head, on_bytes);
  if (const auto wanted = context.check(); !wanted) return {.answer = fail(wanted.error())};
  if (streams) {
    auto answer = reader.finish(streamed);
    const bool repeatable = !answer && !reader.has_text();
    return {.answer = std::move(answer), .repeatable = repeatable};
  }
  if (!streamed) {
    return {.answer = fail(streamed.error()),
            .repeatable = streamed.error().code == ErrorCode::kUnavailable};
  }
  if (head.status != 200) {
    return {.answer = fail(error_of(head)), .repeatable = is_worth_a_retry(head.status)};
  }
  Attempt whole{.answer = answer_of(head.body)};  // It gave everything at once.
  if (whole.answer && !whole.answer->text.empty()) (void)on_text(whole.answer->text);
  return whole;
}

void Upstream::state_stand_in(const Context& context, Answer& answer) const {
  if (!options_.asks_for_stand_ins) return;
  // A RAG service says by itself which model it asked, if any.
  answer.stand_in = answer.grounding.is_null()
                        ? stand_ins_.find(context, answer.model)
                        : codec::string_or(answer.grounding, "substituted_model", "");
}

Result<Answer> Upstream::retried(
    const Context& context, const Json& body,
    const std::function<Attempt(const net::ClientRequest&)>& ask) const {
  for (int retry = 0;; ++retry) {
    if (retry > 0) obs::current_span().set("http.request.resend_count", retry);
    Attempt attempt = ask(request_for(body, retry));
    if (attempt.answer) state_stand_in(context, *attempt.answer);
    if (attempt.answer || !attempt.repeatable || retry == options_.retries_max) {
      return std::move(attempt.answer);
    }
    const auto pause = retry_pause(retry, attempt.answer.error().retry_after, chance());
    if (!clock_.sleep_for(context.remaining(pause), context.stop)) {
      return fail(ErrorCode::kCancelled, "the caller has gone");
    }
    RETURN_IF_ERROR(context.check());
  }
}

Result<Answer> Upstream::complete(const Context& context, const Json& body) const {
  llm::ChatSpan span(body, completions_url_);
  auto answer = whole_answer(context, body);
  if (answer) span.hear(answer->text);
  note_answer(span, answer);
  return answer;
}

Result<Answer> Upstream::stream(const Context& context, const Json& body,
                                const OnText& on_text) const {
  llm::ChatSpan span(body, completions_url_);
  auto answer = streamed_answer(context, body, [&](std::string_view text) {
    span.hear_piece(text);
    return on_text(text);
  });
  note_answer(span, answer);
  return answer;
}

Result<Answer> Upstream::whole_answer(const Context& context, const Json& body) const {
  return retried(context, body,
                 [&](const net::ClientRequest& request) { return ask_whole(context, request); });
}

Result<Answer> Upstream::streamed_answer(const Context& context, const Json& body,
                                         const OnText& on_text) const {
  Json streaming = body;
  streaming["stream"] = true;
  streaming["stream_options"] = {{"include_usage", true}};
  auto answer = retried(context, streaming, [&](const net::ClientRequest& request) {
    return ask_stream(context, request, on_text);
  });
  // KAITO's RAGEngine refuses to stream: one that refuses the request is asked for the whole.
  if (answer || answer.error().code != ErrorCode::kInvalidArgument) return answer;
  answer = whole_answer(context, body);
  if (answer && !answer->text.empty()) (void)on_text(answer->text);
  return answer;
}

Result<net::HttpResponse> Upstream::fetch_models(const Context& context, milliseconds limit) const {
  Context bounded = context;
  bounded.deadline = std::chrono::steady_clock::now() + context.remaining(limit);
  ASSIGN_OR_RETURN(const auto urls, llm::plan_openai_urls(options_.base_url));
  net::ClientRequest request{.method = "GET", .url = urls.models, .connect_timeout = limit};
  if (!options_.api_key.empty()) {
    request.headers.set("authorization", "Bearer " + options_.api_key);
  }
  ASSIGN_OR_RETURN(auto reply, transport_.fetch(bounded, request));
  if (reply.status >= 500) {
    return fail(ErrorCode::kUnavailable, "the upstream answered {}", reply.status);
  }
  return reply;
}

Result<Json> Upstream::models(const Context& context, milliseconds limit) const {
  ASSIGN_OR_RETURN(const auto reply, fetch_models(context, limit));
  auto list = codec::parse_json(reply.body);
  if (reply.status != 200 || !list || !list->is_object()) {
    return fail(ErrorCode::kDataLoss, "the upstream has no list of models");
  }
  return list;
}

Result<std::vector<llm::ModelInfo>> Upstream::list_models(const Context& context) const {
  ASSIGN_OR_RETURN(const auto reply, fetch_models(context, options_.connect_timeout));
  return llm::parse_model_list(reply.body);
}

Result<void> Upstream::check(const Context& context, milliseconds limit) const {
  RETURN_IF_ERROR(fetch_models(context, limit));
  return {};
}

}  // namespace rage::assistant
