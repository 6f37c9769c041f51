// A reranker elsewhere: POST /v1/rerank as Jina and Cohere have it; vLLM, llama-server and
// text-embeddings-inference's proxies speak the same.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"
#include "net/http_client.h"

namespace rage::llm {

struct RerankOptions {
  std::string url;                // With its path: "https://host/v1/rerank".
  std::string bearer_token = {};  // Empty: no Authorization header.
  std::string model = {};         // Of requests that name none; empty: the service's own.
  std::chrono::milliseconds timeout{30'000};
};

struct RankedDocument {
  std::size_t index = 0;  // Among the documents that were sent.
  double relevance = 0;
};

struct RerankRequest {
  std::string model = {};  // Empty: that of the options.
  std::string query;
  std::vector<std::string> documents;
  std::size_t hits_max = 0;  // 0: all.
};

// {"results":[{"index":1,"relevance_score":0.9}]}; "score" is taken as well. Best first. kDataLoss
// if it is no such list, or an index is none of `documents` or comes twice.
Result<std::vector<RankedDocument>> parse_rerank_reply(std::string_view json,
                                                       std::size_t documents);

// Resource. Thread-safe. The transport outlives it.
class RerankClient final {
 public:
  RerankClient(net::HttpTransport& transport, RerankOptions options)
      : transport_(transport), options_(std::move(options)) {}

  // Best first, at most `hits_max`. An error of the service is one of ours, with its words.
  Result<std::vector<RankedDocument>> rerank(const Context& context,
                                             const RerankRequest& request) const;
  const std::string& model() const { return options_.model; }

 private:
  net::HttpTransport& transport_;
  const RerankOptions options_;
};

}  // namespace rage::llm
