#include "cli/index_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "codec/uri.h"

namespace rage::cli {
namespace {

using codec::Json;

constexpr std::size_t kPage = 100;
constexpr std::size_t kIndexDocumentsMax = 5'000'000;
constexpr int kListingsMax = 4;
constexpr std::size_t kDocumentsPerRequest = 32;
constexpr std::size_t kRequestBytesMax = std::size_t{4} << 20;
constexpr std::size_t kIdsPerRequest = 500;
constexpr int kTriesMax = 8;
constexpr std::chrono::seconds kRetryMax{30};

// Calls `send` with each batch of render(0), render(1), ... render(count - 1), which give a
// document and about how many bytes it is.
template <class Render, class Send>
Result<void> in_batches(std::size_t count, Render&& render, Send&& send) {
  Json batch = Json::array();
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto [document, size] = render(i);
    if (!batch.empty() &&
        (batch.size() >= kDocumentsPerRequest || bytes + size > kRequestBytesMax)) {
      RETURN_IF_ERROR(send(std::exchange(batch, Json::array())));
      bytes = 0;
    }
    bytes += size;
    batch.push_back(std::move(document));
  }
  if (!batch.empty()) RETURN_IF_ERROR(send(std::move(batch)));
  return {};
}

}  // namespace

IndexService::IndexService(const Context& context, Clock& clock, RagClient& client,
                           const std::string& index)
    : context_(context),
      clock_(clock),
      client_(client),
      path_("/indexes/" + codec::percent_encode(index) + "/documents"),
      index_(index) {}

Result<std::vector<IndexedDocument>> IndexService::list() {
  for (int attempt = 1;; ++attempt) {
    bool moved = false;
    ASSIGN_OR_RETURN(auto documents, list_once(moved));
    if (!moved || attempt == kListingsMax) return documents;
  }
}

Result<void> IndexService::write(const std::vector<SourceDocument>& source,
                                 const std::vector<std::size_t>& wanted) {
  const auto render = [&](std::size_t i) {
    const SourceDocument& document = source[wanted[i]];
    return std::pair(Json{{"text", document.text}, {"metadata", document.metadata}},
                     document.text.size() * 2);
  };
  return in_batches(wanted.size(), render, [&](Json documents) {
    return post("/index", {{"index_name", index_}, {"documents", std::move(documents)}});
  });
}

Result<void> IndexService::update(const std::vector<SourceDocument>& source,
                                  const std::vector<std::pair<std::size_t, std::string>>& wanted) {
  const auto render = [&](std::size_t i) {
    const SourceDocument& document = source[wanted[i].first];
    return std::pair(
        Json{
            {"doc_id", wanted[i].second}, {"text", document.text}, {"metadata", document.metadata}},
        document.text.size() * 2);
  };
  return in_batches(wanted.size(), render, [&](Json documents) {
    return post(path_, {{"documents", std::move(documents)}});
  });
}

Result<void> IndexService::remove(const std::vector<std::string>& ids) {
  for (std::size_t at = 0; at < ids.size(); at += kIdsPerRequest) {
    const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end =
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(at + kIdsPerRequest, ids.size()));
    RETURN_IF_ERROR(post(path_ + "/delete", {{"doc_ids", std::vector<std::string>(begin, end)}}));
  }
  return {};
}

Result<std::vector<IndexedDocument>> IndexService::list_once(bool& moved) {
  std::vector<IndexedDocument> documents;
  std::set<std::string, std::less<>> seen;
  double total = -1;
  for (std::size_t offset = 0; offset < kIndexDocumentsMax; offset += kPage) {
    const auto page = retried([&] {
      return client_.get(
          context_, fmt::format("{}?limit={}&offset={}&max_text_length=1", path_, kPage, offset));
    });
    if (!page && page.error().code == ErrorCode::kNotFound) return documents;
    if (!page) return fail(Error(page.error()).with_context("listing the index"));
    const double rows = codec::number_or(*page, "total_items", 0);
    moved = moved || (total >= 0 && rows != total);
    total = rows;
    const Json* list = codec::find_key(*page, "documents");
    if (list == nullptr || !list->is_array() || list->empty()) break;
    for (const Json& row : *list) {  // One a chunk.
      std::string id = codec::string_or(row, "doc_id", "");
      const Json* metadata = codec::find_key(row, "metadata");
      if (id.empty() || !seen.insert(id).second) continue;
      documents.push_back(
          {.doc_id = std::move(id), .metadata = metadata != nullptr ? *metadata : Json::object()});
    }
    if (static_cast<double>(offset + kPage) >= rows) break;
  }
  return documents;
}

Result<void> IndexService::post(const std::string& path, const Json& body) {
  auto reply = retried([&] { return client_.post(context_, path, body); });
  if (!reply) return fail(std::move(reply).error().with_context("writing to the index"));
  return {};
}

Result<Json> IndexService::retried(const std::function<Result<Json>()>& send) {
  std::chrono::seconds pause{1};
  for (int attempt = 1;; ++attempt) {
    Result<Json> reply = send();
    const bool worth_it = !reply && (reply.error().code == ErrorCode::kUnavailable ||
                                     reply.error().code == ErrorCode::kResourceExhausted);
    if (!worth_it || attempt == kTriesMax) return reply;
    if (!clock_.sleep_for(context_.remaining(pause), context_.stop)) return reply;
    RETURN_IF_ERROR(context_.check());
    pause = std::min(pause * 2, kRetryMax);
  }
}

}  // namespace rage::cli
