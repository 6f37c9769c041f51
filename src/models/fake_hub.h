// A model hub on loopback for the tests of this room: two servers, the hub and the store that large
// files are redirected to, with the faults of real networks at will.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "codec/json.h"
#include "net/http_server.h"

namespace rage::models {

struct FakeFile {
  std::string content;
  std::string etag;       // As the real hub computes it, unless the test lies.
  bool is_large = false;  // Redirected to the store.
};

struct SeenRequest {
  bool at_store = false;
  std::string path;
  std::string range;
  std::string authorization;
};

// Each taken by the next body served, then gone.
struct Fault {
  enum class Kind { kCut, kWrongBytes, kTooMany, kIgnoreRange, kNoEtag } kind;
  std::size_t after_bytes = 0;  // kCut
};

struct FakeHubState {
  std::string commit = std::string(40, 'c');
  std::map<std::string, FakeFile> files;
  std::vector<std::string> extra_names;  // Listed, but not there.
  std::deque<Fault> faults;
  std::deque<net::HttpResponse> refusals;  // Answered before anything else.
  std::vector<SeenRequest> seen;
};

class FakeHub final {
 public:
  FakeHub() {
    const auto serve = [this](bool at_store) {
      return net::HttpServer::create(
                 {.workers = 4},
                 [this, at_store](const Context&, const net::HttpRequest& request,
                                  net::ResponseWriter& writer) {
                   handle(at_store, request, writer);
                 })
          .value();
    };
    store_ = serve(true);
    hub_ = serve(false);
  }

  std::string endpoint() const { return fmt::format("http://127.0.0.1:{}", hub_->port()); }
  std::uint16_t port() const { return hub_->port(); }
  Guarded<FakeHubState>& state() { return state_; }
  void add(std::string name, FakeFile file) {
    state_.with([&](auto& state) { state.files[std::move(name)] = std::move(file); });
  }
  void fault(Fault fault) {
    state_.with([&](auto& state) { state.faults.push_back(fault); });
  }
  void refuse(net::HttpResponse response) {
    state_.with([&](auto& state) { state.refusals.push_back(std::move(response)); });
  }
  std::vector<SeenRequest> seen() const {
    return state_.with([](const auto& state) { return state.seen; });
  }
  // Requests whose path contains `part`.
  std::size_t count(std::string_view part) const {
    const auto requests = seen();
    return static_cast<std::size_t>(std::ranges::count_if(requests, [&](const auto& request) {
      return request.path.find(part) != std::string::npos;
    }));
  }

 private:
  void handle(bool at_store, const net::HttpRequest& request, net::ResponseWriter& writer) {
    auto refusal = state_.with([&](auto& state) -> std::optional<net::HttpResponse> {
      state.seen.push_back({.at_store = at_store,
                            .path = request.path,
                            .range = std::string(request.headers.find("range")),
                            .authorization = std::string(request.headers.find("authorization"))});
      if (state.refusals.empty()) return std::nullopt;
      auto next = std::move(state.refusals.front());
      state.refusals.pop_front();
      return next;
    });
    if (refusal) return (void)writer.send(*std::move(refusal));
    if (request.path.starts_with("/api/models/")) {
      return (void)writer.send(listing(request.query == "blobs=true"));
    }
    const std::size_t commit = request.path.find("/" + std::string(40, 'c') + "/");
    if (commit == std::string::npos) return (void)writer.send({.status = 404});
    const std::string name = request.path.substr(commit + 42);
    auto file = state_.with([&](auto& state) -> std::optional<FakeFile> {
      const auto found = state.files.find(name);
      return found == state.files.end() ? std::nullopt : std::optional(found->second);
    });
    if (!file) return (void)writer.send({.status = 404});
    if (file->is_large && !at_store) return redirect(request, *file, writer);
    serve_file(request, *file, at_store, writer);
  }

  net::HttpResponse listing(bool with_sizes) const {
    return state_.with([with_sizes](const auto& state) {
      codec::Json siblings = codec::Json::array();
      for (const auto& [name, file] : state.files) {
        codec::Json sibling = {{"rfilename", name}};
        if (with_sizes) sibling["size"] = file.content.size();
        siblings.push_back(std::move(sibling));
      }
      for (const auto& name : state.extra_names) siblings.push_back({{"rfilename", name}});
      const codec::Json body = {{"id", "org/model"}, {"sha", state.commit}, {"siblings", siblings}};
      return net::HttpResponse::json(200, codec::render_json(body));
    });
  }

  void redirect(const net::HttpRequest& request, const FakeFile& file,
                net::ResponseWriter& writer) {
    net::Headers headers = {{"location", fmt::format("http://127.0.0.1:{}{}?signature=x",
                                                     store_->port(), request.path)},
                            {"etag", "\"of-the-redirect\""},
                            {"x-linked-etag", fmt::format("\"{}\"", file.etag)},
                            {"x-linked-size", std::to_string(file.content.size())},
                            {"x-repo-commit", std::string(40, 'c')}};
    if (take(Fault::Kind::kNoEtag)) headers.set("x-linked-etag", "");
    (void)writer.send({.status = 302, .headers = std::move(headers)});
  }

  std::optional<Fault> take(Fault::Kind kind) {
    return state_.with([&](auto& state) -> std::optional<Fault> {
      if (state.faults.empty() || state.faults.front().kind != kind) return std::nullopt;
      const Fault fault = state.faults.front();
      state.faults.pop_front();
      return fault;
    });
  }

  void serve_file(const net::HttpRequest& request, const FakeFile& file, bool at_store,
                  net::ResponseWriter& writer) {
    std::size_t first = 0;
    const std::string_view range = request.headers.find("range");
    const std::string_view condition = request.headers.find("if-range");
    const bool matches = condition.empty() || condition == fmt::format("\"{}\"", file.etag);
    if (range.starts_with("bytes=") && matches && !take(Fault::Kind::kIgnoreRange)) {
      first = parse_uint(range.substr(6, range.size() - 7)).value_or(0);
    }
    net::Headers headers;
    // The store's own tag, as a CDN has: no hash of the file.
    headers.set("etag", at_store ? "\"store-tag\"" : fmt::format("W/\"{}\"", file.etag));
    headers.set("x-linked-size", std::to_string(file.content.size()));
    if (first > 0) {
      headers.set("content-range", fmt::format("bytes {}-{}/{}", first, file.content.size() - 1,
                                               file.content.size()));
    }
    std::string body = file.content.substr(std::min(first, file.content.size()));
    if (take(Fault::Kind::kWrongBytes) && !body.empty()) body[0] = static_cast<char>(body[0] ^ 1);
    if (take(Fault::Kind::kTooMany)) body += "more";
    const auto cut = take(Fault::Kind::kCut);
    (void)writer.begin(first > 0 ? 206 : 200, std::move(headers));
    (void)writer.write(std::string_view(body).substr(0, cut ? cut->after_bytes : body.size()));
    if (cut) writer.abort();
  }

  Guarded<FakeHubState> state_;
  std::unique_ptr<net::HttpServer> store_;
  std::unique_ptr<net::HttpServer> hub_;  // Last: it uses the store's port.
};

}  // namespace rage::models
