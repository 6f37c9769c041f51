#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "models/hub_protocol.h"

// Whatever a hub answers, no file name of it leaves the folder, and no code is planned.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto listing = models::parse_hub_listing(text)) {
    CHECK(models::is_commit(listing->commit));
    for (const auto& file : listing->files) CHECK(models::is_safe_relative_path(file));
    const models::ModelReference reference{.source = models::ModelSource::kHub,
                                           .organization = "org",
                                           .repository = "model",
                                           .revision = "main"};
    if (const auto files = models::plan_hub_files(*listing, reference)) {
      CHECK(!files->empty());
      for (const auto& file : *files) CHECK(!file.ends_with(".py") && !file.ends_with(".bin"));
    }
  }
  if (const auto range = models::parse_content_range(text)) CHECK(range->first < range->total);
  net::HttpResponse head{.status = 206};
  for (const char* name :
       {"etag", "x-linked-etag", "x-linked-size", "content-range", "x-error-code", "retry-after"}) {
    head.headers.set(name, text);
  }
  (void)models::parse_hub_file_head(head);
  head.status = 429;
  CHECK(!models::explain_hub_status(head, "org/model", "page", true).message.empty());
  return 0;
}
