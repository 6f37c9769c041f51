#include <cstddef>
#include <cstdint>
#include <string_view>

#include "apis/conversion.h"
#include "apis/crds.h"
#include "apis/random_document_for_test.h"
#include "codec/documents.h"

// The input is a seed for a document of each kind with two versions; there and back must be the
// same, from either side.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::apis;
  std::uint64_t seed = 0xcbf29ce484222325U;
  for (std::size_t i = 0; i < size; ++i) seed = (seed ^ bytes[i]) * 0x100000001b3U;
  RandomDocuments random(seed);
  for (const KindDescription& kind : kind_descriptions()) {
    for (const VersionDescription& version : kind.versions) {
      Json document = random.document(kind.type.kind, version.name);
      ResourceType type = kind.type;
      type.version = version.name;
      static_cast<void>(check_schema(type, document));  // The API server's defaults.
      const std::string from = "kaito.sh/" + version.name;
      const std::string_view to = kind.versions.size() == 1   ? std::string_view(from)
                                  : version.name == "v1beta1" ? "kaito.sh/v1alpha1"
                                                              : "kaito.sh/v1beta1";
      const rage::Result<Json> there = convert(document, to);
      CHECK(there.has_value());
      const rage::Result<Json> back = convert(*there, from);
      CHECK(back.has_value());
      CHECK(codec::same_json(document, *back));
    }
  }
  return 0;
}
