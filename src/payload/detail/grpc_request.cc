#include "payload/detail/grpc_request.h"

#include <utility>

namespace rage::payload::detail {
namespace {

constexpr std::size_t kFrameHeaderBytes = 5;

// GenerateRequest; EmbedRequest has the first of them.
constexpr std::uint64_t kTokenized = 2;
constexpr std::uint64_t kText = 3;
constexpr std::uint64_t kSamplingParams = 4;
constexpr std::uint64_t kStream = 5;
constexpr std::uint64_t kInputIds = 2;   // Of TokenizedInput.
constexpr std::uint64_t kMaxTokens = 8;  // Of SamplingParams.

std::unexpected<Error> malformed() {
  return fail(ErrorCode::kInvalidArgument, "body is not a valid gRPC message");
}

Result<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) return value;
  }
  return malformed();
}

Result<std::string_view> take_bytes(std::string_view& bytes, std::uint64_t count) {
  if (count > bytes.size()) return malformed();
  const std::string_view taken = bytes.substr(0, count);
  bytes.remove_prefix(count);
  return taken;
}

struct Field {
  std::uint64_t number = 0;
  std::uint64_t varint = 0;               // Of wire type 0.
  std::optional<std::string_view> bytes;  // Of wire type 2.
};

Result<Field> take_field(std::string_view& message) {
  ASSIGN_OR_RETURN(const std::uint64_t key, take_varint(message));
  Field field;
  field.number = key >> 3;
  if (field.number == 0) return malformed();
  switch (key & 7) {
    case 0: {
      ASSIGN_OR_RETURN(field.varint, take_varint(message));
      return field;
    }
    case 1:
      RETURN_IF_ERROR(take_bytes(message, 8));
      return field;
    case 2: {
      ASSIGN_OR_RETURN(const std::uint64_t count, take_varint(message));
      ASSIGN_OR_RETURN(field.bytes, take_bytes(message, count));
      return field;
    }
    case 5:
      RETURN_IF_ERROR(take_bytes(message, 4));
      return field;
    default:
      return malformed();
  }
}

template <class OnField>
Result<void> for_each_field(std::string_view message, OnField&& on_field) {
  while (!message.empty()) {
    ASSIGN_OR_RETURN(const Field field, take_field(message));
    RETURN_IF_ERROR(on_field(field));
  }
  return {};
}

// Packed or not; uint32 takes the low half of a varint.
Result<void> add_ids(std::string_view tokenized, std::vector<std::uint32_t>& ids) {
  return for_each_field(tokenized, [&](const Field& field) -> Result<void> {
    if (field.number != kInputIds) return {};
    if (!field.bytes) {
      ids.push_back(static_cast<std::uint32_t>(field.varint));
      return {};
    }
    std::string_view packed = *field.bytes;
    while (!packed.empty()) {
      ASSIGN_OR_RETURN(const std::uint64_t id, take_varint(packed));
      ids.push_back(static_cast<std::uint32_t>(id));
    }
    return {};
  });
}

}  // namespace

Result<InferenceRequest> read_grpc_request(std::string_view body) {
  InferenceRequest request;
  request.api = Api::kVllmGenerate;
  if (body.size() < kFrameHeaderBytes) return malformed();
  std::size_t length = 0;
  for (const char c : body.substr(1, 4)) length = length << 8 | static_cast<unsigned char>(c);
  const std::string_view message = body.substr(kFrameHeaderBytes);
  if (length != message.size()) return malformed();
  if (body.front() != '\0') return request;  // Compressed.
  std::string text;
  std::vector<std::uint32_t> ids;
  const auto on_field = [&](const Field& field) -> Result<void> {
    switch (field.number) {
      case kTokenized:
        if (!field.bytes) return malformed();
        text.clear();  // One of two: the last one counts.
        return add_ids(*field.bytes, ids);
      case kText:
        if (!field.bytes) return malformed();
        ids.clear();
        text = *field.bytes;
        return {};
      case kSamplingParams:
        return for_each_field(field.bytes.value_or(""), [&](const Field& param) -> Result<void> {
          if (param.number == kMaxTokens) request.output_tokens_max = param.varint;
          return {};
        });
      case kStream:
        request.stream = field.varint != 0;
        return {};
      default:
        return {};
    }
  };
  RETURN_IF_ERROR(for_each_field(message, on_field));
  if (!text.empty()) request.prompts.push_back(std::move(text));
  if (!ids.empty()) request.token_prompts.push_back(std::move(ids));
  return request;
}

}  // namespace rage::payload::detail
