// How the messages of built-in kinds look on the wire and in JSON, out of data/protobuf.inc. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace rage::kubeobjects::detail {

struct ProtoMessage;

struct ProtoField {
  enum class Kind {
    kString,
    kBytes,
    kInteger,
    kTruth,
    kDouble,
    kMessage,
    kQuantity,
    kIntOrString,
    kTime,
    kMicroTime,
    kRaw,    // JSON as bytes.
    kItems,  // A list of strings in a message of its own.
  };
  enum class Shape { kPlain, kOptional, kList, kMap };

  std::uint32_t number = 0;
  std::string_view name;  // In JSON.
  Kind kind = Kind::kString;
  Shape shape = Shape::kPlain;
  bool inlined = false;  // Its fields stand in the JSON of the message around it.
  bool always = false;   // JSON has it even when it is zero.
  const ProtoMessage* message = nullptr;
};

struct ProtoMessage {
  std::string_view name;  // "apps.v1.Deployment"
  std::vector<ProtoField> fields;

  const ProtoField* find(std::uint32_t number) const;
};

// Null: not in the table. The result lives for ever.
const ProtoMessage* find_proto_message(std::string_view name);

}  // namespace rage::kubeobjects::detail
