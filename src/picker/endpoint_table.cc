#include "picker/endpoint_table.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "base/check.h"

namespace rage::picker {

using routing::Endpoint;
using routing::EndpointMetrics;
using routing::InFlight;

void EndpointSlot::set_metrics(EndpointMetrics metrics) {
  MutexLock lock(mutex_);
  metrics_ = std::move(metrics);
  version_.fetch_add(1, std::memory_order_release);
}

EndpointMetrics EndpointSlot::metrics() const {
  MutexLock lock(mutex_);
  return metrics_;
}

void EndpointSlot::charge(const InFlight& load) {
  requests_.fetch_add(load.requests, std::memory_order_relaxed);
  tokens_.fetch_add(load.tokens, std::memory_order_relaxed);
}

void EndpointSlot::release(const InFlight& load) {
  const auto requests = requests_.fetch_sub(load.requests, std::memory_order_relaxed);
  const auto tokens = tokens_.fetch_sub(load.tokens, std::memory_order_relaxed);
  CHECK(requests >= load.requests && tokens >= load.tokens);
}

InFlight EndpointSlot::in_flight() const {
  return {.requests = requests_.load(std::memory_order_relaxed),
          .tokens = tokens_.load(std::memory_order_relaxed)};
}

namespace {

bool same(const Endpoint& a, const Endpoint& b) {
  return a.name_space == b.name_space && a.pod == b.pod && a.rank == b.rank &&
         a.address == b.address && a.port == b.port && a.labels == b.labels;
}

}  // namespace

struct EndpointTable::Topology {
  std::uint64_t generation = 0;
  std::vector<TableEntry> entries;
  std::unordered_map<std::string, std::size_t> by_authority;
};

// One reader's copy, brought up to date by each view.
struct EndpointTable::Scratch {
  std::shared_ptr<const Topology> topology;
  std::vector<Endpoint> endpoints;
  std::vector<std::uint64_t> versions;  // Of the metrics in `endpoints`.
};

EndpointTable::View::View(const EndpointTable& table, std::unique_ptr<Scratch> scratch)
    : table_(table), scratch_(std::move(scratch)) {}

EndpointTable::View::View(View&& other) noexcept = default;

EndpointTable::View::~View() {
  if (!scratch_) return;
  table_.idle_.with([this](auto& idle) { idle.push_back(std::move(scratch_)); });
}

std::span<const Endpoint> EndpointTable::View::endpoints() const {
  return scratch_->endpoints;
}

const std::shared_ptr<EndpointSlot>& EndpointTable::View::slot(std::size_t index) const {
  return scratch_->topology->entries[index].slot;
}

EndpointTable::EndpointTable() : topology_(std::make_shared<const Topology>()) {}

EndpointTable::~EndpointTable() = default;

TableChange EndpointTable::replace(std::vector<Endpoint> endpoints) {
  using Identity = std::tuple<std::string, std::string, std::string, std::uint16_t>;
  const auto identity_of = [](const Endpoint& endpoint) {
    return Identity(endpoint.name_space, endpoint.pod, endpoint.address, endpoint.port);
  };
  TableChange change;
  topology_.with([&](std::shared_ptr<const Topology>& current) {
    // Sources tell more than changes; readers would copy all of it anew.
    const bool news = !std::ranges::equal(
        endpoints, current->entries, [](const Endpoint& endpoint, const TableEntry& entry) {
          return !endpoint.metrics.updated_at && same(endpoint, entry.endpoint);
        });
    if (!news) return;
    std::map<Identity, TableEntry> old;
    for (const TableEntry& entry : current->entries)
      old.emplace(identity_of(entry.endpoint), entry);
    auto next = std::make_shared<Topology>();
    next->generation = current->generation + 1;
    std::map<Identity, std::size_t> places;
    for (Endpoint& endpoint : endpoints) {
      const auto [place, fresh] = places.emplace(identity_of(endpoint), next->entries.size());
      endpoint.in_flight = {};
      if (fresh) {
        next->entries.push_back({.endpoint = std::move(endpoint), .slot = nullptr});
      } else {
        next->entries[place->second].endpoint = std::move(endpoint);
      }
    }
    for (const auto& [identity, place] : places) {
      TableEntry& entry = next->entries[place];
      const auto known = old.extract(identity);
      if (known) {
        entry.slot = known.mapped().slot;
      } else {
        entry.slot = std::make_shared<EndpointSlot>();
      }
      EndpointMetrics given = std::exchange(entry.endpoint.metrics, {});
      if (given.updated_at) entry.slot->set_metrics(std::move(given));
      if (!known) change.added.push_back(entry);
      next->by_authority.insert_or_assign(entry.endpoint.authority(), place);
    }
    for (auto& [identity, entry] : old) change.removed.push_back(std::move(entry));
    generation_.store(next->generation, std::memory_order_release);
    current = std::move(next);
  });
  return change;
}

EndpointTable::View EndpointTable::view() const {
  std::unique_ptr<Scratch> scratch = idle_.with([](auto& idle) -> std::unique_ptr<Scratch> {
    if (idle.empty()) return nullptr;
    auto last = std::move(idle.back());
    idle.pop_back();
    return last;
  });
  if (!scratch) scratch = std::make_unique<Scratch>();
  refresh(*scratch);
  return {*this, std::move(scratch)};
}

void EndpointTable::refresh(Scratch& scratch) const {
  const std::uint64_t generation = generation_.load(std::memory_order_acquire);
  if (!scratch.topology || scratch.topology->generation != generation) {
    scratch.topology = topology_.with([](const auto& current) { return current; });
    scratch.endpoints.clear();
    for (const TableEntry& entry : scratch.topology->entries) {
      scratch.endpoints.push_back(entry.endpoint);
    }
    scratch.versions.assign(scratch.endpoints.size(), 0);
  }
  for (std::size_t i = 0; i < scratch.endpoints.size(); ++i) {
    const EndpointSlot& slot = *scratch.topology->entries[i].slot;
    Endpoint& endpoint = scratch.endpoints[i];
    if (slot.version_.load(std::memory_order_acquire) != scratch.versions[i]) {
      MutexLock lock(slot.mutex_);
      scratch.versions[i] = slot.version_.load(std::memory_order_relaxed);
      endpoint.metrics = slot.metrics_;
    }
    endpoint.in_flight = slot.in_flight();
  }
}

std::size_t EndpointTable::size() const {
  return topology_.with([](const auto& current) { return current->entries.size(); });
}

std::shared_ptr<EndpointSlot> EndpointTable::find(std::string_view authority) const {
  const auto topology = topology_.with([](const auto& current) { return current; });
  const auto found = topology->by_authority.find(std::string(authority));
  return found == topology->by_authority.end() ? nullptr : topology->entries[found->second].slot;
}

}  // namespace rage::picker
