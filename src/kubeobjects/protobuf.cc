#include "kubeobjects/protobuf.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <bit>
#include <map>
#include <string>
#include <utility>

#include "base/base64.h"
#include "base/strings.h"
#include "codec/key_finder.h"
#include "kubeobjects/detail/protobuf_types.h"
#include "kubeobjects/detail/protobuf_wire.h"
#include "kubeobjects/status.h"
#include "text/unicode.h"

namespace rage::kubeobjects {
namespace {

using codec::Json;
using detail::ProtoField;
using detail::ProtoMessage;
using detail::WireField;
using detail::WireReader;
using Kind = ProtoField::Kind;
using Shape = ProtoField::Shape;

constexpr std::string_view kMagic{"k8s\0", 4};
constexpr int kDepthMax = 48;                // JSONSchemaProps nest; nothing else does deeply.
constexpr std::size_t kValuesMax = 100'000;  // A message of two bytes makes an object of many.
// What RFC 3339 can say: the years 1 to 9999.
constexpr std::int64_t kSecondsMin = -62'135'596'800;
constexpr std::int64_t kSecondsMax = 253'402'300'799;

std::unexpected<Error> malformed(std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, "{}", why);
}

Result<Json> text_of(std::string_view bytes) {
  if (!text::is_valid_utf8(bytes)) return malformed("a string is not UTF-8");
  return Json(std::string(bytes));
}

// The fields of a small message that stands for one value. Numbers are below 8.
struct SmallMessage {
  std::uint64_t numbers[8] = {};
  std::string_view texts[8] = {};
};

Result<SmallMessage> read_small(std::string_view bytes) {
  SmallMessage found;
  WireReader reader(bytes);
  while (!reader.done()) {
    ASSIGN_OR_RETURN(const WireField field, reader.next());
    if (field.number >= 8) continue;
    found.numbers[field.number] = field.value;
    found.texts[field.number] = field.bytes;
  }
  return found;
}

// Null: no time was given.
Result<Json> time_of(std::string_view bytes, Kind kind) {
  if (bytes.empty()) return Json();
  ASSIGN_OR_RETURN(const SmallMessage time, read_small(bytes));
  const auto seconds = static_cast<std::int64_t>(time.numbers[1]);
  const auto nanos = static_cast<std::int64_t>(time.numbers[2]);
  const bool valid =
      seconds >= kSecondsMin && seconds <= kSecondsMax && nanos >= 0 && nanos < 1'000'000'000;
  if (!valid) return malformed("a time is out of range");
  const std::string text = fmt::format("{:%Y-%m-%dT%H:%M:%S}", fmt::gmtime(seconds));
  if (kind == Kind::kTime) return Json(text + "Z");
  return Json(fmt::format("{}.{:06}Z", text, nanos / 1000));
}

Result<Json> int_or_string_of(std::string_view bytes) {
  ASSIGN_OR_RETURN(const SmallMessage value, read_small(bytes));
  if (value.numbers[1] != 0) return text_of(value.texts[3]);
  return Json(static_cast<std::int32_t>(value.numbers[2]));
}

Result<Json> raw_of(std::string_view bytes) {
  ASSIGN_OR_RETURN(const SmallMessage raw, read_small(bytes));
  if (raw.texts[1].empty()) return Json();
  return codec::parse_json(raw.texts[1], {.depth_max = kDepthMax});
}

// What JSON has of a field that was not sent; null: nothing.
Json zero_of(const ProtoField& field) {
  if (field.shape != Shape::kPlain) return Json();
  switch (field.kind) {
    case Kind::kMessage:
      return Json::object();
    case Kind::kQuantity:
      return "0";
    case Kind::kString:
      return field.always ? Json("") : Json();
    case Kind::kInteger:
      return field.always ? Json(0) : Json();
    case Kind::kTruth:
      return field.always ? Json(false) : Json();
    case Kind::kDouble:
    case Kind::kBytes:
    case Kind::kIntOrString:
    case Kind::kTime:
    case Kind::kMicroTime:
    case Kind::kRaw:
    case Kind::kItems:
      return Json();
  }
  return Json();
}

bool is_zero(const Json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value.get<double>() == 0;
  return value.is_null() || (value.is_string() && value.get_ref<const std::string&>().empty());
}

// As Go renders a struct: what may not be absent is there, what is empty and may be is not.
void complete(const ProtoMessage& message, Json& object) {
  for (const ProtoField& field : message.fields) {
    if (field.inlined) {
      complete(*field.message, object);
      continue;
    }
    if (field.shape != Shape::kPlain) continue;
    const auto found = object.find(field.name);
    if (found != object.end()) {
      if (!field.always && is_zero(*found)) object.erase(found);
      continue;
    }
    Json zero = zero_of(field);
    if (field.kind == Kind::kMessage) complete(*field.message, zero);
    if (!zero.is_null()) object[std::string(field.name)] = std::move(zero);
  }
}

class Decoder final {
 public:
  Result<void> decode(const ProtoMessage& message, std::string_view bytes, int depth,
                      Json& object) {
    if (depth > kDepthMax) return malformed("messages nest too deeply");
    std::map<const ProtoField*, std::map<std::string, Json>> maps;
    WireReader reader(bytes);
    while (!reader.done()) {
      ASSIGN_OR_RETURN(const WireField wire, reader.next());
      const ProtoField* field = message.find(wire.number);
      if (field == nullptr) continue;
      if (field->shape == Shape::kMap) {
        ASSIGN_OR_RETURN(auto entry, entry_of(*field, wire, depth));
        maps[field][std::move(entry.first)] = std::move(entry.second);
      } else {
        RETURN_IF_ERROR(put(*field, wire, depth, object));
      }
    }
    for (auto& [field, entries] : maps) {
      Json made = Json::object();
      for (auto& [key, value] : entries) codec::append_key(made, key, std::move(value));
      object[std::string(field->name)] = std::move(made);
    }
    complete(message, object);
    return {};
  }

 private:
  Result<void> put(const ProtoField& field, const WireField& wire, int depth, Json& object) {
    if (field.inlined) return decode(*field.message, wire.bytes, depth + 1, object);
    const std::string name(field.name);
    if (field.shape == Shape::kList) {
      ASSIGN_OR_RETURN(Json value, value_of(field, wire, depth, Json()));
      object[name].push_back(std::move(value));
      return {};
    }
    // A message that comes in parts is one message.
    const auto before = object.find(name);
    ASSIGN_OR_RETURN(Json value, value_of(field, wire, depth,
                                          before == object.end() ? Json() : std::move(*before)));
    object[name] = std::move(value);
    return {};
  }

  Result<std::pair<std::string, Json>> entry_of(const ProtoField& field, const WireField& wire,
                                                int depth) {
    std::string key;
    WireField value{.number = 2, .type = WireField::Type::kBytes};
    WireReader reader(wire.bytes);
    while (!reader.done()) {
      ASSIGN_OR_RETURN(const WireField part, reader.next());
      if (part.number == 1) key = part.bytes;
      if (part.number == 2) value = part;
    }
    if (!text::is_valid_utf8(key)) return malformed("a key is not UTF-8");
    ASSIGN_OR_RETURN(Json json, value_of(field, value, depth, Json()));
    return std::pair(std::move(key), std::move(json));
  }

  Result<Json> value_of(const ProtoField& field, const WireField& wire, int depth, Json before) {
    if (++values_ > kValuesMax) return malformed("it holds too many values");
    switch (field.kind) {
      case Kind::kString:
        return text_of(wire.bytes);
      case Kind::kBytes:
        return Json(encode_base64(wire.bytes));
      case Kind::kInteger:
        return Json(static_cast<std::int64_t>(wire.value));
      case Kind::kTruth:
        return Json(wire.value != 0);
      case Kind::kDouble:
        return Json(std::bit_cast<double>(wire.value));
      case Kind::kMessage: {
        if (!before.is_object()) before = Json::object();
        RETURN_IF_ERROR(decode(*field.message, wire.bytes, depth + 1, before));
        return before;
      }
      case Kind::kQuantity: {
        ASSIGN_OR_RETURN(const SmallMessage quantity, read_small(wire.bytes));
        return text_of(quantity.texts[1].empty() ? "0" : quantity.texts[1]);
      }
      case Kind::kIntOrString:
        return int_or_string_of(wire.bytes);
      case Kind::kTime:
      case Kind::kMicroTime:
        return time_of(wire.bytes, field.kind);
      case Kind::kRaw:
        return raw_of(wire.bytes);
      case Kind::kItems:
        return items_of(wire.bytes);
    }
    return Json();
  }

  Result<Json> items_of(std::string_view bytes) {
    Json items = Json::array();
    WireReader reader(bytes);
    while (!reader.done()) {
      ASSIGN_OR_RETURN(const WireField item, reader.next());
      if (item.number != 1) continue;
      if (++values_ > kValuesMax) return malformed("it holds too many values");
      ASSIGN_OR_RETURN(Json text, text_of(item.bytes));
      items.push_back(std::move(text));
    }
    return items;
  }

  std::size_t values_ = 0;
};

// runtime.Unknown: who the message is, and the message.
struct Envelope {
  std::string_view api_version;
  std::string_view kind;
  std::string_view raw;
};

Result<Envelope> parse_envelope(std::string_view body) {
  if (!body.starts_with(kMagic)) return malformed("it does not begin with \"k8s\" and a zero");
  ASSIGN_OR_RETURN(const SmallMessage unknown, read_small(body.substr(kMagic.size())));
  ASSIGN_OR_RETURN(const SmallMessage type, read_small(unknown.texts[1]));
  if (!unknown.texts[3].empty()) return malformed("its content is encoded once more");
  const Envelope envelope{type.texts[1], type.texts[2], unknown.texts[2]};
  if (envelope.api_version.empty() || envelope.kind.empty()) {
    return malformed("it does not say its apiVersion and kind");
  }
  return envelope;
}

// "rbac.authorization.k8s.io/v1", "Role" -> "rbac.v1.Role"
const ProtoMessage* message_of(const Envelope& envelope) {
  const auto slash = envelope.api_version.find('/');
  std::string_view group = "core";
  std::string_view version = envelope.api_version;
  if (slash != std::string_view::npos) {
    group = version.substr(0, std::min(slash, version.find('.')));
    version.remove_prefix(slash + 1);
  }
  // Every group has its own name for how to delete.
  if (envelope.kind == "DeleteOptions") group = "meta", version = "v1";
  return detail::find_proto_message(fmt::format("{}.{}.{}", group, version, envelope.kind));
}

}  // namespace

Result<Json> parse_protobuf(std::string_view body) {
  const auto refused = [](const Error& error) {
    return fail(bad_request("error decoding protobuf: " + error.message));
  };
  const auto envelope = parse_envelope(body);
  if (!envelope) return refused(envelope.error());
  const ProtoMessage* message = message_of(*envelope);
  if (message == nullptr) {
    return fail(status_error(
        {.http_status = 415, .reason = "UnsupportedMediaType", .details_always = true},
        fmt::format("{} {} is read as application/json or application/yaml only",
                    envelope->api_version.substr(0, 128), envelope->kind.substr(0, 128))));
  }
  Json object = Json::object();
  object["apiVersion"] = std::string(envelope->api_version);
  object["kind"] = std::string(envelope->kind);
  const auto decoded = Decoder().decode(*message, envelope->raw, 0, object);
  if (!decoded) return refused(decoded.error());
  return object;
}

}  // namespace rage::kubeobjects
