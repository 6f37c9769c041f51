#include "simulator/reply_writer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/clock.h"

namespace rage::simulator {
namespace {

constexpr std::chrono::hours kLong(24);

bool is_mid_stream(const std::optional<Failure>& failure) {
  return failure && (failure->kind == Failure::Kind::kResetMidStream ||
                     failure->kind == Failure::Kind::kHangMidStream);
}

// Resource. One request, one thread.
class ReplyWriter final {
 public:
  ReplyWriter(const Context& context, const ServedReply& reply, Generation& generation,
              net::ResponseWriter& writer)
      : context_(context), reply_(reply), generation_(generation), writer_(writer) {}

  ServedRequest run() {
    ServedRequest served{.finish_reason = "abort", .prompt_tokens = reply_.prompt_tokens};
    const Result<void> written = reply_.request.stream ? stream() : whole();
    served.output_tokens = tokens();
    if (!written || progress_.empty()) return served;
    const Progress& first = progress_.front();
    served.finish_reason = reply_.plans.front().finish_reason;
    if (served.finish_reason.empty()) served.finish_reason = "stop";
    served.to_first_token = first.first_token_at - generation_.submitted_at();
    served.to_last_token = first.last_token_at - generation_.submitted_at();
    return served;
  }

 private:
  // The answer is not complete: nothing more is said about it.
  static std::unexpected<Error> cut_off() { return fail(ErrorCode::kCancelled, "cut off"); }

  std::uint64_t tokens() const {
    std::uint64_t sum = 0;
    for (const Progress& progress : progress_) sum += progress.tokens;
    return sum;
  }

  // How many tokens may leave before the failure; no limit without one.
  std::uint64_t tokens_max() const {
    return is_mid_stream(reply_.failure) ? reply_.failure->number
                                         : std::numeric_limits<std::uint64_t>::max();
  }

  bool finished() const {
    return !progress_.empty() && std::ranges::all_of(progress_, &Progress::finished);
  }

  Result<void> advance() {
    ASSIGN_OR_RETURN(progress_, generation_.next(context_.stop));
    return {};
  }

  Result<void> fail_now() {
    if (reply_.failure->kind == Failure::Kind::kHangMidStream) {
      wait_until_left(context_, writer_);
    } else {
      writer_.abort();
    }
    return cut_off();
  }

  net::Headers headers(std::string_view content_type) const {
    net::Headers headers{{"content-type", std::string(content_type)}};
    if (!reply_.server_name.empty()) headers.set("x-sim-name", reply_.server_name);
    headers.set("x-sim-body-sha256", reply_.body_sha256);
    if (reply_.request.prefilled_by) {
      headers.set("x-sim-prefilled-by", *reply_.request.prefilled_by);
    }
    return headers;
  }

  UsageCount usage() const {
    UsageCount usage{.prompt_tokens = reply_.prompt_tokens, .completion_tokens = tokens()};
    for (const Progress& progress : progress_) usage.cached_tokens += progress.cached_tokens;
    return usage;
  }

  Result<void> refuse() {
    RETURN_IF_ERROR(writer_.send(net::HttpResponse::json(
        400, render_error(400, "the request needs more KV cache than there is"))));
    return cut_off();
  }

  Result<void> whole() {
    while (!finished()) {
      RETURN_IF_ERROR(advance());
      if (tokens() > tokens_max()) break;
    }
    if (std::ranges::any_of(progress_, &Progress::refused)) return refuse();
    const std::string body =
        reply_.request.api == Api::kEmbeddings ? embeddings_body() : generation_body();
    if (!is_mid_stream(reply_.failure)) {
      return writer_.send({.headers = headers("application/json"), .body = body});
    }
    RETURN_IF_ERROR(writer_.begin(200, headers("application/json")));
    RETURN_IF_ERROR(writer_.write(std::string_view(body).substr(0, body.size() / 2)));
    return fail_now();
  }

  std::string generation_body() const {
    std::vector<Choice> choices;
    for (std::size_t i = 0; i < progress_.size(); ++i) {
      choices.push_back(
          {.text = filler_text(reply_.head.model, reply_.head.id, 0, progress_[i].tokens),
           .finish_reason = reply_.plans[i].finish_reason});
    }
    return render_reply(reply_.head, choices, usage());
  }

  std::string embeddings_body() const {
    std::vector<std::vector<float>> vectors;
    for (const Input& input : reply_.request.inputs) {
      vectors.push_back(embedding_of(input, reply_.embedding_dimensions));
    }
    return render_embeddings(reply_.head, vectors, reply_.request.base64, usage());
  }

  Result<void> stream() {
    const ChunkRenderer renderer(reply_.head);
    std::vector<std::uint64_t> sent(reply_.plans.size());
    std::vector<bool> ended(reply_.plans.size());
    bool begun = false;
    while (!finished()) {
      RETURN_IF_ERROR(advance());
      if (std::ranges::any_of(progress_, &Progress::refused)) return refuse();
      std::string events;
      for (std::size_t i = 0; i < progress_.size(); ++i) {
        events += news_of(renderer, i, sent[i], ended[i]);
      }
      if (!std::exchange(begun, true)) {
        RETURN_IF_ERROR(writer_.begin(200, headers("text/event-stream; charset=utf-8")));
      }
      if (!events.empty()) RETURN_IF_ERROR(writer_.write(events));
      if (is_mid_stream(reply_.failure) && tokens() >= tokens_max()) return fail_now();
    }
    if (is_mid_stream(reply_.failure)) return fail_now();
    std::string last;
    if (reply_.request.include_usage) last = renderer.usage(usage());
    last += ChunkRenderer::done();
    return writer_.write(last);
  }

  // What is to be said of choice `i`, at most up to the failure.
  std::string news_of(const ChunkRenderer& renderer, std::size_t i, std::uint64_t& sent,
                      std::vector<bool>::reference ended) const {
    const Progress& progress = progress_[i];
    const std::uint64_t until = std::min(progress.tokens, tokens_max());
    std::string events;
    if (sent == 0 && until > 0 && reply_.head.api == Api::kChat) events += renderer.role(i);
    if (until > sent) {
      events += renderer.text(i, filler_text(reply_.head.model, reply_.head.id, sent, until));
      sent = until;
    }
    if (progress.finished && !ended && !is_mid_stream(reply_.failure)) {
      ended = true;
      events += renderer.finish(i, reply_.plans[i].finish_reason);
    }
    return events;
  }

  const Context& context_;
  const ServedReply& reply_;
  Generation& generation_;
  net::ResponseWriter& writer_;
  std::vector<Progress> progress_;
};

}  // namespace

ServedRequest write_reply(const Context& context, const ServedReply& reply, Generation& generation,
                          net::ResponseWriter& writer) {
  return ReplyWriter(context, reply, generation, writer).run();
}

void wait_until_left(const Context& context, net::ResponseWriter& writer) {
  SystemClock clock;
  while (clock.sleep_for(kLong, context.stop)) continue;
  writer.abort();
}

}  // namespace rage::simulator
