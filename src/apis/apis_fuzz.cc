#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apis/conversion.h"
#include "apis/crds.h"
#include "apis/inference_set.h"
#include "apis/kinds.h"
#include "apis/model_mirror.h"
#include "apis/multi_role_inference.h"
#include "apis/rag_engine.h"
#include "apis/schema.h"
#include "apis/validation.h"
#include "apis/workspace.h"

// The first byte chooses the kind and version, the rest is the document. Nothing in it may end the
// process, and what the checks admit the parsers must understand.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::apis;
  if (size == 0) return 0;
  const auto& kinds = kind_descriptions();
  const KindDescription& kind = kinds[(bytes[0] >> 1U) % kinds.size()];
  const auto& version = kind.versions[(bytes[0] & 1U) % kind.versions.size()];
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  auto parsed = rage::codec::parse_json(text);
  if (!parsed || !parsed->is_object()) return 0;
  Json document = *std::move(parsed);
  document["apiVersion"] = kind.type.group + "/" + version.name;
  document["kind"] = kind.type.kind;

  ValidationSettings settings;
  if ((bytes[0] & 0x80U) != 0) settings.provisioner = Provisioner::kByo;
  static_cast<void>(validate(document, Json(), settings).message());
  static_cast<void>(validate(document, document, settings));
  static_cast<void>(convert(document, "kaito.sh/v1alpha1"));
  const rage::Result<Json> stored = convert(document, "kaito.sh/v1beta1");
  if (const auto workspace = parse_workspace(document)) {
    static_cast<void>(revision_input(*workspace));
    static_cast<void>(render_workspace_status(workspace->status));
  }
  if (const auto set = parse_inference_set(document)) static_cast<void>(revision_input(*set));
  if (const auto engine = parse_rag_engine(document)) static_cast<void>(revision_input(*engine));
  static_cast<void>(parse_model_mirror(document));
  static_cast<void>(parse_multi_role_inference(document));

  ResourceType type = kind.type;
  type.version = version.name;
  static_cast<void>(check_schema(type, document));
  static_cast<void>(stored);
  return 0;
}
