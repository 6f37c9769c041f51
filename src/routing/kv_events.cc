#include "routing/kv_events.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/strings.h"
#include "codec/msgpack.h"

namespace rage::routing {
namespace {

using codec::MsgpackReader;
using codec::MsgpackToken;
using Kind = MsgpackToken::Kind;

constexpr std::size_t kTextBytesMax = 1024;

std::unexpected<Error> bad(std::string_view what) {
  return fail(ErrorCode::kInvalidArgument, "KV events: {}", what);
}

// Numbers as they are; of digests the last 8 bytes.
Result<std::uint64_t> hash_of(const MsgpackToken& token) {
  if (token.kind == Kind::kUnsigned || token.kind == Kind::kNegative) return token.number;
  if (token.kind != Kind::kBytes || token.text.empty()) return bad("a hash is no number or bytes");
  std::uint64_t hash = 0;
  const std::size_t used = std::min<std::size_t>(8, token.text.size());
  for (const char c : token.text.substr(token.text.size() - used)) {
    hash = hash << 8U | static_cast<unsigned char>(c);
  }
  return hash;
}

Result<std::uint32_t> small_number(const MsgpackToken& token) {
  if (token.kind != Kind::kUnsigned || token.number > std::numeric_limits<std::uint32_t>::max()) {
    return bad("a number is out of range");
  }
  return static_cast<std::uint32_t>(token.number);
}

Result<std::string> text_or_empty(const MsgpackToken& token) {
  if (token.kind == Kind::kNil) return std::string();
  if (token.kind != Kind::kText || token.text.size() > kTextBytesMax) return bad("a text is none");
  return std::string(token.text);
}

template <class T, class Read>
Result<std::vector<T>> list_of(MsgpackReader& reader, Read read) {
  ASSIGN_OR_RETURN(const MsgpackToken list, reader.next());
  if (list.kind != Kind::kArray) return bad("a list is none");
  std::vector<T> values;
  values.reserve(list.count);
  for (std::uint32_t i = 0; i < list.count; ++i) {
    ASSIGN_OR_RETURN(const MsgpackToken token, reader.next());
    ASSIGN_OR_RETURN(const T value, read(token));
    values.push_back(value);
  }
  return values;
}

Result<KvTier> tier_of(MsgpackReader& reader) {
  ASSIGN_OR_RETURN(const MsgpackToken token, reader.next());
  ASSIGN_OR_RETURN(const std::string medium, text_or_empty(token));
  const std::string name = to_lower_ascii(medium);
  return name.empty() || name.find("gpu") != std::string::npos ? KvTier::kGpu : KvTier::kCpu;
}

// Of each block: null, or what its hash depends on besides tokens. One text in front is the salt.
Result<void> read_extra_keys(MsgpackReader& reader, KvBlocksStored& stored) {
  MsgpackReader list = reader;
  RETURN_IF_ERROR(reader.skip());
  ASSIGN_OR_RETURN(const MsgpackToken blocks, list.next());
  if (blocks.kind != Kind::kArray) return {};
  for (std::uint32_t i = 0; i < blocks.count; ++i) {
    MsgpackReader keys = list;
    RETURN_IF_ERROR(list.skip());
    ASSIGN_OR_RETURN(const MsgpackToken own, keys.next());
    if (own.kind == Kind::kNil || (own.kind == Kind::kArray && own.count == 0)) continue;
    MsgpackToken salt;
    if (own.kind == Kind::kArray && own.count == 1 && i == 0 && !stored.parent) {
      ASSIGN_OR_RETURN(salt, keys.next());
    }
    if (salt.kind == Kind::kText && salt.text.size() <= kTextBytesMax) {
      stored.cache_salt = salt.text;
    } else {
      stored.is_partial = true;
    }
  }
  return {};
}

// Layers that see all of a prompt: only they tell whether it is cached.
bool sees_all(std::string_view kind) {
  if (kind.empty()) return true;
  const std::string name = to_lower_ascii(kind);
  return std::ranges::any_of(std::array{"full", "mla", "sink"}, [&](const char* part) {
    return name.find(part) != std::string::npos;
  });
}

constexpr std::array<std::string_view, 11> kStoredFields = {"block_hashes",
                                                            "parent_block_hash",
                                                            "token_ids",
                                                            "block_size",
                                                            "lora_id",
                                                            "medium",
                                                            "lora_name",
                                                            "extra_keys",
                                                            "group_idx",
                                                            "kv_cache_spec_kind",
                                                            "kv_cache_spec_sliding_window"};
constexpr std::array<std::string_view, 3> kRemovedFields = {"block_hashes", "medium", "group_idx"};

Result<void> read_field(std::string_view name, MsgpackReader& reader, KvBlocksStored& stored) {
  if (name == "block_hashes") {
    ASSIGN_OR_RETURN(stored.hashes, list_of<std::uint64_t>(reader, hash_of));
    return {};
  }
  if (name == "token_ids") {
    ASSIGN_OR_RETURN(stored.tokens, list_of<std::uint32_t>(reader, small_number));
    return {};
  }
  if (name == "medium") {
    ASSIGN_OR_RETURN(stored.tier, tier_of(reader));
    return {};
  }
  if (name == "extra_keys") return read_extra_keys(reader, stored);
  const bool known = name == "parent_block_hash" || name == "block_size" || name == "lora_name" ||
                     name == "kv_cache_spec_kind";
  if (!known) return reader.skip();
  ASSIGN_OR_RETURN(const MsgpackToken token, reader.next());
  if (name == "parent_block_hash") {
    if (token.kind == Kind::kNil) return {};
    ASSIGN_OR_RETURN(stored.parent, hash_of(token));
  } else if (name == "block_size") {
    ASSIGN_OR_RETURN(stored.block_tokens, small_number(token));
  } else if (name == "lora_name") {
    ASSIGN_OR_RETURN(stored.adapter, text_or_empty(token));
  } else {
    ASSIGN_OR_RETURN(const std::string kind, text_or_empty(token));
    if (!sees_all(kind)) stored.is_partial = true;
  }
  return {};
}

Result<void> read_field(std::string_view name, MsgpackReader& reader, KvBlocksRemoved& removed) {
  if (name == "block_hashes") {
    ASSIGN_OR_RETURN(removed.hashes, list_of<std::uint64_t>(reader, hash_of));
    return {};
  }
  if (name != "medium") return reader.skip();
  ASSIGN_OR_RETURN(removed.tier, tier_of(reader));
  return {};
}

// An event behind its tag: values in the order of `names`, or names and values.
struct Fields {
  MsgpackReader& reader;
  std::uint32_t count = 0;
  bool named = false;
};

template <class Event, std::size_t kCount>
Result<Event> read_event(const Fields& fields, const std::array<std::string_view, kCount>& names) {
  Event event;
  for (std::uint32_t i = 0; i < fields.count; ++i) {
    std::string_view name = i < kCount ? names[i] : std::string_view();
    if (fields.named) {
      ASSIGN_OR_RETURN(const MsgpackToken key, fields.reader.next());
      name = key.text;
    }
    RETURN_IF_ERROR(read_field(name, fields.reader, event));
  }
  return event;
}

Result<std::optional<KvEvent>> read_tagged(std::string_view tag, const Fields& fields) {
  if (tag == "BlockStored") {
    ASSIGN_OR_RETURN(KvBlocksStored stored, read_event<KvBlocksStored>(fields, kStoredFields));
    const std::uint64_t tokens = stored.hashes.size() * std::uint64_t{stored.block_tokens};
    if (stored.block_tokens == 0 || tokens != stored.tokens.size()) {
      return bad("BlockStored: blocks and tokens do not fit");
    }
    return std::optional<KvEvent>(std::move(stored));
  }
  if (tag == "BlockRemoved") {
    ASSIGN_OR_RETURN(KvBlocksRemoved removed, read_event<KvBlocksRemoved>(fields, kRemovedFields));
    return std::optional<KvEvent>(std::move(removed));
  }
  const std::uint64_t values = fields.named ? 2ULL * fields.count : fields.count;
  for (std::uint64_t i = 0; i < values; ++i) RETURN_IF_ERROR(fields.reader.skip());
  if (tag == "AllBlocksCleared") return std::optional<KvEvent>(KvCleared{});
  return std::optional<KvEvent>();
}

// The tag of an event that is a map, wherever in it.
Result<std::string_view> find_tag(MsgpackReader reader, std::uint32_t pairs) {
  for (std::uint32_t i = 0; i < pairs; ++i) {
    ASSIGN_OR_RETURN(const MsgpackToken key, reader.next());
    if (key.kind != Kind::kText) return bad("an event's field has no name");
    if (key.text != "type") {
      RETURN_IF_ERROR(reader.skip());
      continue;
    }
    ASSIGN_OR_RETURN(const MsgpackToken tag, reader.next());
    if (tag.kind == Kind::kText) return tag.text;
    break;
  }
  return bad("an event has no type");
}

Result<std::optional<KvEvent>> read_one(MsgpackReader& reader) {
  ASSIGN_OR_RETURN(const MsgpackToken event, reader.next());
  if (event.kind == Kind::kMap) {
    ASSIGN_OR_RETURN(const std::string_view tag, find_tag(reader, event.count));
    return read_tagged(tag, {.reader = reader, .count = event.count, .named = true});
  }
  if (event.kind != Kind::kArray || event.count == 0) return bad("an event is no list");
  ASSIGN_OR_RETURN(const MsgpackToken tag, reader.next());
  if (tag.kind != Kind::kText) return bad("an event has no tag");
  return read_tagged(tag.text, {.reader = reader, .count = event.count - 1});
}

}  // namespace

Result<KvEventBatch> decode_kv_events(std::string_view bytes) {
  if (bytes.size() > kKvBatchBytesMax) return bad("the batch is too large");
  MsgpackReader reader(bytes);
  ASSIGN_OR_RETURN(const MsgpackToken batch, reader.next());
  if (batch.kind != Kind::kArray || batch.count < 2) return bad("a batch is no list");
  RETURN_IF_ERROR(reader.skip());  // When it was sent.
  ASSIGN_OR_RETURN(const MsgpackToken list, reader.next());
  if (list.kind != Kind::kArray) return bad("a batch has no list of events");
  KvEventBatch out;
  for (std::uint32_t i = 0; i < list.count; ++i) {
    ASSIGN_OR_RETURN(auto event, read_one(reader));
    if (event) out.events.push_back(*std::move(event));
  }
  if (batch.count < 3) return out;
  ASSIGN_OR_RETURN(const MsgpackToken rank, reader.next());
  if (rank.kind != Kind::kNil) {
    ASSIGN_OR_RETURN(out.rank, small_number(rank));
  }
  return out;
}

std::string_view model_of_kv_topic(std::string_view topic) {
  const std::size_t first = topic.find('@');
  const std::size_t second = first == topic.npos ? first : topic.find('@', first + 1);
  return second == topic.npos ? std::string_view() : topic.substr(second + 1);
}

}  // namespace rage::routing
