// sentencepiece's ModelProto, read by hand: field numbers are those of sentencepiece_model.proto,
// the encoding is protobuf's (https://protobuf.dev/programming-guides/encoding).
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "text/sentencepiece.h"

namespace rage::text {
namespace {

enum class Wire : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
enum class PieceType : std::uint8_t { kNormal = 1, kUnknown = 2, kControl = 3 };

constexpr std::uint64_t kUnigram = 1;
constexpr std::uint64_t kFixed32Bytes = 4;
constexpr std::uint64_t kFixed64Bytes = 8;

std::unexpected<Error> damaged() {
  return fail(ErrorCode::kDataLoss, "the sentencepiece file is damaged");
}

std::unexpected<Error> unknown(std::string_view what) {
  return fail(ErrorCode::kUnimplemented, "the sentencepiece file: {} is not supported", what);
}

struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::kVarint;
  std::uint64_t value = 0;      // kVarint
  std::string_view bytes = {};  // The others.
};

// One message, field after field.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : rest_(bytes) {}

  bool at_end() const { return rest_.empty(); }

  Result<Field> next() {
    ASSIGN_OR_RETURN(const std::uint64_t key, varint());
    Field field{.number = key >> 3U, .wire = static_cast<Wire>(key & 7U)};
    if (field.number == 0) return damaged();  // They begin at 1.
    std::uint64_t size = 0;
    switch (field.wire) {
      case Wire::kVarint: {
        ASSIGN_OR_RETURN(field.value, varint());
        return field;
      }
      case Wire::kFixed64:
        size = kFixed64Bytes;
        break;
      case Wire::kFixed32:
        size = kFixed32Bytes;
        break;
      case Wire::kBytes: {
        ASSIGN_OR_RETURN(size, varint());
        break;
      }
      default:
        return damaged();  // Groups, which the format does not have.
    }
    if (size > rest_.size()) return damaged();
    field.bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return field;
  }

 private:
  Result<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80) return value;
    }
    return damaged();
  }

  std::string_view rest_;
};

struct ProtoPiece {
  UnigramPiece piece;
  std::uint64_t type = static_cast<std::uint64_t>(PieceType::kNormal);

  bool is(PieceType wanted) const { return type == static_cast<std::uint64_t>(wanted); }
};

Result<ProtoPiece> parse_piece(std::string_view bytes) {
  ProtoPiece piece;
  for (Fields fields(bytes); !fields.at_end();) {
    ASSIGN_OR_RETURN(const Field field, fields.next());
    if (field.number == 1 && field.wire == Wire::kBytes) {
      piece.piece.text = field.bytes;
    } else if (field.number == 2 && field.wire == Wire::kFixed32) {
      std::uint32_t bits = 0;
      std::memcpy(&bits, field.bytes.data(), sizeof bits);
      piece.piece.score = std::bit_cast<float>(bits);
    } else if (field.number == 3 && field.wire == Wire::kVarint) {
      piece.type = field.value;
    }
  }
  return piece;
}

// What must not differ, lest our pieces are not theirs.
struct Expected {
  std::uint64_t number;
  std::uint64_t value;
  std::string_view name;
};

constexpr Expected kTrainer[] = {{3, kUnigram, "a model_type other than UNIGRAM"},
                                 {24, 0, "treat_whitespace_as_suffix"},
                                 {35, 0, "byte_fallback"},
                                 {40, 0, "another unk_id than 0"},
                                 {41, 1, "another bos_id than 1"},
                                 {42, 2, "another eos_id than 2"}};
constexpr Expected kNormalizer[] = {{3, 1, "add_dummy_prefix false"},
                                    {4, 1, "remove_extra_whitespaces false"},
                                    {5, 1, "escape_whitespaces false"}};

Result<void> check_spec(std::string_view bytes, std::span<const Expected> expected) {
  for (Fields fields(bytes); !fields.at_end();) {
    ASSIGN_OR_RETURN(const Field field, fields.next());
    if (field.wire != Wire::kVarint) continue;
    for (const Expected& one : expected) {
      if (one.number == field.number && one.value != field.value) return unknown(one.name);
    }
  }
  return {};
}

// The normalizer's precompiled_charsmap; empty without one.
Result<std::string_view> character_map_of(std::string_view normalizer) {
  std::string_view map;
  for (Fields fields(normalizer); !fields.at_end();) {
    ASSIGN_OR_RETURN(const Field field, fields.next());
    if (field.number == 2 && field.wire == Wire::kBytes) map = field.bytes;
  }
  return map;
}

// The first three have other ids in XLM-RoBERTa, and all others are words' pieces.
Result<void> add_piece(std::string_view bytes, std::size_t index, UnigramModel& model) {
  constexpr PieceType kFirst[] = {PieceType::kUnknown, PieceType::kControl, PieceType::kControl};
  ASSIGN_OR_RETURN(ProtoPiece piece, parse_piece(bytes));
  const bool is_special = index < std::size(kFirst);
  if (!piece.is(is_special ? kFirst[index] : PieceType::kNormal)) {
    return unknown("a piece of another type than XLM-RoBERTa has there");
  }
  if (!is_special) model.pieces.push_back(std::move(piece.piece));
  return {};
}

}  // namespace

Result<UnigramModel> parse_xlm_roberta_pieces(std::string_view bytes) {
  UnigramModel model;
  model.split_at_white_space = true;
  constexpr std::string_view kSpecial[] = {"<s>", "<pad>", "</s>", "<unk>"};
  for (const std::string_view text : kSpecial) model.pieces.push_back({.text = std::string(text)});
  std::size_t index = 0;
  bool has_trainer = false;
  bool has_normalizer = false;
  for (Fields fields(bytes); !fields.at_end();) {
    ASSIGN_OR_RETURN(const Field field, fields.next());
    if (field.wire != Wire::kBytes) continue;
    if (field.number == 1) {
      RETURN_IF_ERROR(add_piece(field.bytes, index++, model));
    } else if (field.number == 2) {
      RETURN_IF_ERROR(check_spec(field.bytes, kTrainer));
      has_trainer = true;
    } else if (field.number == 3) {
      RETURN_IF_ERROR(check_spec(field.bytes, kNormalizer));
      ASSIGN_OR_RETURN(model.character_map, character_map_of(field.bytes));
      has_normalizer = true;
    }
  }
  // Both come behind the pieces: a file that was cut off between two pieces has neither.
  if (index < 4 || !has_trainer || !has_normalizer) return damaged();
  model.pieces.push_back({.text = "<mask>"});
  for (std::int32_t id = 0; const std::string_view text : kSpecial) {
    model.added.push_back({.text = std::string(text), .id = id++});
  }
  model.added.push_back(
      {.text = "<mask>", .id = static_cast<std::int32_t>(model.pieces.size()) - 1});
  model.first = 0;
  model.last = 2;
  model.unknown = 3;
  return model;
}

}  // namespace rage::text
