#include "gateway/detail/mirror.h"

#include <utility>

namespace rage::gateway::detail {
namespace {

constexpr std::chrono::milliseconds kMirrorLimit{30'000};

// Resource. Owns itself until its last event, which comes even when the pool is destroyed.
class Mirror final : public net::IoHandler, public UpstreamEvents {
 public:
  Mirror(net::EventLoop& loop, std::shared_ptr<const std::string> body)
      : loop_(loop), body_(std::move(body)), timer_(loop, [this] { end(); }) {}

  void start(UpstreamPool& upstreams, const net::Address& address, UpstreamProtocol protocol,
             const RequestHead& head) {
    upstream_ = upstreams.open(address, protocol, UpstreamPool::Reuse::kAllowed, *this);
    if (upstream_ == nullptr) return end();
    timer_.expire_after(kMirrorLimit);
    upstream_->send_head(head, body_ ? Framing::of_length(body_->size()) : Framing{});
    if (body_) return send_body();
    upstream_->end();
  }

  void on_ready(net::Readiness) override {}
  void on_upstream_head(ResponseHead, const Framing&) override {}
  void on_upstream_body(std::string_view) override {}
  void on_upstream_drained() override {
    if (body_) send_body();
  }
  void on_upstream_end(const HeaderBlock*) override {
    upstream_ = nullptr;
    end();
  }
  void on_upstream_failure(UpstreamFailure) override {
    upstream_ = nullptr;
    end();
  }

 private:
  void send_body() {
    while (sent_ < body_->size() && upstream_->queued() <= kQueuedBytesHigh) {
      const std::string_view piece = std::string_view(*body_).substr(sent_, kQueuedBytesHigh);
      sent_ += piece.size();
      upstream_->send_body(piece);
    }
    if (sent_ < body_->size()) return;
    body_.reset();
    upstream_->end();
  }

  void end() {
    if (upstream_ != nullptr) std::exchange(upstream_, nullptr)->cancel();
    timer_.cancel();
    loop_.destroy_later(std::unique_ptr<net::IoHandler>(this));
  }

  net::EventLoop& loop_;
  std::shared_ptr<const std::string> body_;
  std::size_t sent_ = 0;
  UpstreamStream* upstream_ = nullptr;
  net::Timer timer_;
};

}  // namespace

void start_mirror(UpstreamPool& upstreams, net::EventLoop& loop, const net::Address& address,
                  UpstreamProtocol protocol, const RequestHead& head,
                  std::shared_ptr<const std::string> body) {
  auto mirror = std::make_unique<Mirror>(loop, std::move(body));
  mirror.release()->start(upstreams, address, protocol, head);
}

}  // namespace rage::gateway::detail
