#include "picker/listening_source.h"

#include <utility>

#include "picker/kv_subscriber.h"
#include "routing/make_scheduler.h"
#include "routing/precise_prefix.h"

namespace rage::picker {
namespace {

class ListeningSource final : public EndpointSource {
 public:
  ListeningSource(std::unique_ptr<EndpointSource> source, std::unique_ptr<KvSubscriber> subscriber)
      : subscriber_(std::move(subscriber)), source_(std::move(source)) {}

  void start(Changed changed) override {
    source_->start([this, changed = std::move(changed)](PoolContents contents) {
      subscriber_->follow(contents.endpoints);
      changed(std::move(contents));
    });
  }

 private:
  const std::unique_ptr<KvSubscriber> subscriber_;
  const std::unique_ptr<EndpointSource> source_;  // Last: it calls us until it is gone.
};

}  // namespace

Result<ListeningParts> make_listening_parts(const routing::PickerConfig& config,
                                            std::uint64_t random_seed,
                                            std::unique_ptr<EndpointSource> source) {
  ListeningParts parts;
  ASSIGN_OR_RETURN(auto precise, routing::make_precise_prefix(config));
  ASSIGN_OR_RETURN(
      parts.scheduler,
      routing::make_scheduler(config, random_seed, precise ? std::move(precise->source) : nullptr));
  parts.source = std::move(source);
  if (!precise) return parts;
  ASSIGN_OR_RETURN(
      auto subscriber,
      KvSubscriber::create({.port = precise->port, .topic = precise->topic}, *precise->sink));
  parts.source = std::make_unique<ListeningSource>(std::move(parts.source), std::move(subscriber));
  return parts;
}

}  // namespace rage::picker
