// A local copy of every object of one kind, kept by list and watch: reads cost nothing, and
// handlers hear of each change at least once. Resumes where it was after a broken watch; lists anew
// after 410. Source: Kubernetes API concepts, "Efficient detection of changes".
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "kube/client.h"
#include "kube/object.h"

namespace rage::kube {

// "owner" -> the object's index values.
using IndexFunction = std::function<std::vector<std::string>(const Object&)>;

struct InformerOptions {
  std::string ns = {};
  std::string label_selector = {};
  std::string field_selector = {};
  // Cuts what nobody reads before it is stored (a Node's images, a Pod's volumes).
  std::function<void(Json& document)> trim = {};
  std::map<std::string, IndexFunction, std::less<>> indexes = {};
};

// `before` is null when added, `after` when deleted. Duplicate and stale events of the server are
// not passed on: `after` is always another resourceVersion than `before`.
struct Change {
  ObjectPtr before;
  ObjectPtr after;

  const Object& latest() const { return after ? *after : *before; }
};

struct InformerStatistics {
  std::uint64_t lists = 0;
  std::uint64_t watches = 0;
  std::uint64_t events = 0;
};

// Resource. Thread-safe. Owns one thread between start() and destruction. Client and clock outlive
// it. Handlers run on that thread, without locks held, and must not block.
class Informer final {
 public:
  Informer(KubeClient& client, Clock& clock, ResourceType type, InformerOptions options = {});
  ~Informer();
  Informer(const Informer&) = delete;
  Informer& operator=(const Informer&) = delete;

  // Before start().
  void on_change(std::function<void(const Change&)> handler);
  void start();
  void stop();  // Idempotent; joins.

  // True once the first list is complete.
  bool synced() const;
  // kDeadlineExceeded or kCancelled by `context`; the message has the last error of the list.
  Result<void> wait_synced(const Context& context) const;

  const ResourceType& type() const { return type_; }
  ObjectPtr find(const ObjectKey& key) const;  // Null if absent.
  // Sorted by key. Empty namespace: all.
  std::vector<ObjectPtr> list(std::string_view ns = {}) const;
  std::vector<ObjectPtr> by_index(std::string_view index, std::string_view value) const;
  std::size_t size() const;
  InformerStatistics statistics() const;

  // What we wrote ourselves and the watch has not shown yet: the newer of both is kept, so that a
  // reconcile that follows a write at once sees it.
  void remember(Json written);

 private:
  struct State;
  const ResourceType type_;
  const std::unique_ptr<State> state_;
};

// The controlling owner's UID; index objects by it.
std::vector<std::string> controller_uid_of(const Object& object);

}  // namespace rage::kube
