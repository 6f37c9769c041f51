#include <cstddef>
#include <cstdint>
#include <string>

#include "kustomize/kustomize.h"

// Whatever a kustomization says: objects or an error. The same bytes are every file it names.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  const std::string object = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {b: c}\n";
  const kustomize::Files files = {
      .read = [&](const std::string&, const std::string& path) -> Result<std::string> {
        if (path.ends_with("/kustomization.yaml")) return text;
        return path.ends_with(".env") ? "A=1\n" : object;
      },
      .is_directory = [](const std::string& path) { return path.ends_with("base"); }};
  (void)kustomize::build(files, "/top");
  return 0;
}
