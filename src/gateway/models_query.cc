#include "gateway/detail/models_query.h"

#include <utility>

namespace rage::gateway::detail {
namespace {

constexpr std::chrono::milliseconds kAnswerLimit{3'000};
constexpr std::size_t kAnswerBytesMax = 1 << 20;

// None: it is no list of models.
std::optional<std::vector<codec::Json>> parse_models(std::string_view body) {
  const auto document = codec::parse_json(body, {.bytes_max = kAnswerBytesMax});
  const codec::Json* const data = document ? codec::find_key(*document, "data") : nullptr;
  if (data == nullptr || !data->is_array()) return std::nullopt;
  std::vector<codec::Json> models;
  for (const codec::Json& entry : *data) {
    if (!codec::string_or(entry, "id", "").empty()) models.push_back(entry);
  }
  return models;
}

}  // namespace

class ModelsQuery::Asked final : public UpstreamEvents {
 public:
  Asked(ModelsQuery& query, UpstreamPool& upstreams, ModelsQuestion question)
      : query_(query), question_(std::move(question)) {
    upstream_ = upstreams.open(question_.endpoint, question_.protocol,
                               UpstreamPool::Reuse::kAllowed, *this);
    if (upstream_ == nullptr) return;
    RequestHead head{.method = "GET", .target = "/v1/models"};
    head.authority = question_.endpoint.text();
    upstream_->send_head(head, {});
    upstream_->end();
  }
  ~Asked() { drop(); }
  Asked(const Asked&) = delete;
  Asked& operator=(const Asked&) = delete;

  bool waiting() const { return upstream_ != nullptr; }
  const gatewayapi::ObjectName& pool() const { return question_.pool; }

  void on_upstream_head(ResponseHead head, const Framing&) override { status_ = head.status; }
  void on_upstream_body(std::string_view bytes) override {
    if (body_.size() + bytes.size() > kAnswerBytesMax) {
      drop();
      return query_.on_answer(*this, std::nullopt);
    }
    body_ += bytes;
  }
  void on_upstream_end(const HeaderBlock*) override {
    upstream_ = nullptr;
    const bool good = status_ == 200;
    query_.on_answer(*this, good ? std::optional(std::move(body_)) : std::nullopt);
  }
  void on_upstream_failure(UpstreamFailure) override {
    upstream_ = nullptr;
    query_.on_answer(*this, std::nullopt);
  }
  void on_upstream_drained() override {}

 private:
  void drop() {
    if (upstream_ != nullptr) std::exchange(upstream_, nullptr)->cancel();
  }

  ModelsQuery& query_;
  const ModelsQuestion question_;
  UpstreamStream* upstream_ = nullptr;
  int status_ = 0;
  std::string body_;
};

ModelsQuery::ModelsQuery(net::EventLoop& loop, UpstreamPool& upstreams,
                         const std::vector<ModelsQuestion>& questions,
                         std::function<void(ModelsByPool)> done)
    : done_(std::move(done)), timer_(loop, [this] { tell(); }) {
  for (const ModelsQuestion& question : questions) {
    asked_.push_back(std::make_unique<Asked>(*this, upstreams, question));
    waiting_ += asked_.back()->waiting() ? 1 : 0;
  }
  timer_.expire_after(waiting_ == 0 ? std::chrono::milliseconds(0) : kAnswerLimit);
}

ModelsQuery::~ModelsQuery() = default;

void ModelsQuery::on_answer(const Asked& asked, std::optional<std::string> body) {
  auto models = body ? parse_models(*body) : std::nullopt;
  if (models) found_[asked.pool()] = *std::move(models);
  // Told by the timer: whoever is told may destroy us, and an answer stands in the middle of us.
  if (--waiting_ == 0) timer_.expire_after(std::chrono::milliseconds(0));
}

void ModelsQuery::tell() {
  done_(std::move(found_));
}

}  // namespace rage::gateway::detail
