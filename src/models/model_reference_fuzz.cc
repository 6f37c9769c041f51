#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "base/check.h"
#include "models/cache.h"
#include "models/reference.h"

// What parses stays inside the cache and survives its own rendering.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::models;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto reference = parse_model_reference(text);
  if (!reference) return 0;
  const auto again = parse_model_reference(render_model_reference(*reference));
  CHECK(again.has_value());
  CHECK(again.value() == *reference);
  if (reference->source != ModelSource::kHub) return 0;
  const ModelCache cache("/cache/models");
  const auto repository = cache.repository_folder(*reference);
  CHECK(repository.lexically_normal() == repository);
  CHECK(repository.parent_path() == "/cache/models/hub");
  if (reference->file.empty()) return 0;
  const std::string commit(40, 'a');
  const auto snapshot = cache.snapshot_folder(*reference, commit);
  const auto file = (snapshot / reference->file).lexically_normal().string();
  CHECK(file.starts_with(snapshot.string() + "/"));
  return 0;
}
