#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "inspect/json_path.h"

// Whatever is typed, on a document that has a bit of everything: an error or a result.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  static const codec::Json document = codec::parse_json(R"({"a":{"b":[1,"x",{"c":null},[true]]},
      "items":[{"type":"Ready","n":1.5},{"type":"Other"}]})")
                                          .value_or(codec::Json());
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto path = inspect::JsonPath::parse_relaxed(text)) {
    (void)path->render(document);
    (void)path->find(document);
  } else {
    CHECK(path.error().code == ErrorCode::kInvalidArgument);
  }
  return 0;
}
