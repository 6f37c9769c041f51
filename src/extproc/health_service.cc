#include <optional>
#include <utility>

#include "extproc/detail/health_service.h"

namespace rage::extproc::detail {

namespace health_pb = envoyapi::health;

// One Watch. Its own lock: gRPC may end a write while the server tells of a change.
class HealthService::Watcher final
    : public grpc::ServerWriteReactor<health_pb::HealthCheckResponse> {
 public:
  Watcher(HealthService& service, std::string name) : service_(service), name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  void set_place(std::list<Watcher*>::iterator place) { place_ = place; }

  void tell(Status status) {
    MutexLock lock(mutex_);
    wanted_ = status;
    advance_locked();
  }
  void end() {
    MutexLock lock(mutex_);
    ending_ = true;
    advance_locked();
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(mutex_);
    writing_ = false;
    if (!ok) ending_ = true;
    advance_locked();
  }
  void OnCancel() override { end(); }
  void OnDone() override {
    service_.remove(place_);
    delete this;
  }

 private:
  void advance_locked() REQUIRES(mutex_) {
    if (writing_ || finished_) return;
    if (wanted_ != sent_) {
      sent_ = wanted_;
      response_.set_status(*wanted_);
      writing_ = true;
      StartWrite(&response_);
    } else if (ending_) {
      finished_ = true;
      Finish(grpc::Status::OK);
    }
  }

  HealthService& service_;
  const std::string name_;
  std::list<Watcher*>::iterator place_;
  Mutex mutex_;
  health_pb::HealthCheckResponse response_;
  std::optional<Status> wanted_ GUARDED_BY(mutex_);
  std::optional<Status> sent_ GUARDED_BY(mutex_);
  bool writing_ GUARDED_BY(mutex_) = false;
  bool ending_ GUARDED_BY(mutex_) = false;
  bool finished_ GUARDED_BY(mutex_) = false;
};

HealthService::Status HealthService::status_of(const std::string& service) const {
  const bool serving = service == "liveness" || ready_();
  return serving ? health_pb::HealthCheckResponse::SERVING
                 : health_pb::HealthCheckResponse::NOT_SERVING;
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const health_pb::HealthCheckRequest* request,
                                               health_pb::HealthCheckResponse* response) {
  response->set_status(status_of(request->service()));
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<health_pb::HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext*, const health_pb::HealthCheckRequest* request) {
  auto* watcher = new Watcher(*this, request->service());  // OnDone() deletes it.
  MutexLock lock(mutex_);
  watchers_.push_back(watcher);
  watcher->set_place(std::prev(watchers_.end()));
  watcher->tell(status_of(watcher->name()));
  if (ending_) watcher->end();
  return watcher;
}

void HealthService::poll() {
  MutexLock lock(mutex_);
  for (Watcher* watcher : watchers_) watcher->tell(status_of(watcher->name()));
}

void HealthService::end_watches() {
  MutexLock lock(mutex_);
  ending_ = true;
  for (Watcher* watcher : watchers_) {
    watcher->tell(status_of(watcher->name()));
    watcher->end();
  }
}

void HealthService::remove(std::list<Watcher*>::iterator place) {
  MutexLock lock(mutex_);
  watchers_.erase(place);
}

}  // namespace rage::extproc::detail
