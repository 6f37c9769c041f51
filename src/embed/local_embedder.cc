#include "embed/local_embedder.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace rage::embed {
namespace {

// Enough to find texts of like length that fill a micro-batch, few enough to share fairly.
constexpr std::size_t kTextsAtATime = 64;

// The longest first, so that what shares a micro-batch has nearly the same length.
std::vector<std::size_t> order_by_length(const std::vector<TokenIds>& texts) {
  std::vector<std::size_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0);
  const auto longer_first = [&](std::size_t a, std::size_t b) {
    return texts[a].size() != texts[b].size() ? texts[a].size() > texts[b].size() : a < b;
  };
  std::ranges::sort(order, longer_first);
  return order;
}

std::string default_id(const std::filesystem::path& folder) {
  const auto clean = folder.lexically_normal();
  return clean.has_filename() ? clean.filename().string() : clean.parent_path().filename().string();
}

}  // namespace

Result<std::unique_ptr<LocalEmbedder>> LocalEmbedder::load(const std::filesystem::path& folder,
                                                           const LocalEmbedderOptions& options) {
  std::string id = options.id.empty() ? default_id(folder) : options.id;
  ASSIGN_OR_RETURN(BertConfig config, read_bert_config(folder, id));
  ASSIGN_OR_RETURN(auto tokenizer, text::load_tokenizer(folder));
  if (tokenizer->vocabulary_size() > config.vocabulary) {
    return fail(ErrorCode::kInvalidArgument,
                "the tokenizer knows {} tokens, config.json says 'vocab_size' {}",
                tokenizer->vocabulary_size(), config.vocabulary);
  }
  ASSIGN_OR_RETURN(
      auto encoder,
      load_encoder(folder, config, {.precision = options.precision, .threads = options.threads}));
  return std::unique_ptr<LocalEmbedder>(new LocalEmbedder(std::move(id), std::move(config),
                                                          std::move(tokenizer), std::move(encoder),
                                                          options.texts_waiting_max));
}

LocalEmbedder::LocalEmbedder(std::string id, BertConfig config,
                             std::unique_ptr<text::Tokenizer> tokenizer,
                             std::unique_ptr<TextEncoder> encoder, std::size_t texts_waiting_max)
    : id_(std::move(id)),
      config_(std::move(config)),
      tokenizer_(std::move(tokenizer)),
      encoder_(std::move(encoder)),
      batcher_([this](const MicroBatch& batch) { return encoder_->encode(batch); }, config_.hidden,
               {.packing = encoder_->packing(),
                .passes_max = encoder_->passes_max(),
                .texts_waiting_max = texts_waiting_max}) {}

TokenIds LocalEmbedder::tokenize(const std::string& text, TextKind kind) const {
  const std::string& prefix =
      kind == TextKind::kQuery ? config_.query_prefix : config_.passage_prefix;
  if (prefix.empty()) return tokenizer_->encode(text, config_.tokens_max);
  return tokenizer_->encode(prefix + text, config_.tokens_max);
}

Result<EmbeddingMatrix> LocalEmbedder::embed(const Context& context,
                                             std::span<const std::string> texts, TextKind kind) {
  EmbeddingMatrix matrix{.rows = texts.size(), .dimension = config_.hidden};
  matrix.values.resize(texts.size() * config_.hidden);
  for (std::size_t start = 0; start < texts.size(); start += kTextsAtATime) {
    RETURN_IF_ERROR(context.check());
    const auto part = texts.subspan(start, std::min(kTextsAtATime, texts.size() - start));
    std::vector<TokenIds> ids;
    for (const std::string& text : part) ids.push_back(tokenize(text, kind));
    const std::vector<std::size_t> order = order_by_length(ids);
    std::vector<TokenIds> ordered;
    for (const std::size_t i : order) ordered.push_back(std::move(ids[i]));
    const auto admission = start == 0 ? Admission::kNewCall : Admission::kContinued;
    ASSIGN_OR_RETURN(const auto vectors,
                     batcher_.run(context, std::move(ordered), kind, admission));
    for (std::size_t i = 0; i < order.size(); ++i) {
      const auto from = vectors.begin() + static_cast<std::ptrdiff_t>(i * config_.hidden);
      const auto to =
          matrix.values.begin() + static_cast<std::ptrdiff_t>((start + order[i]) * config_.hidden);
      std::copy_n(from, config_.hidden, to);
    }
  }
  return matrix;
}

}  // namespace rage::embed
