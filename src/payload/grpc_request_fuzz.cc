#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "payload/inference_request.h"

// A message is framed as it must be, so that the fuzzer need not find the length; ids never
// outnumber the bytes they came in.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::payload;
  std::string body(1, '\0');
  for (const int shift : {24, 16, 8, 0}) body += static_cast<char>(size >> shift);
  body.append(reinterpret_cast<const char*>(bytes), size);
  const auto request =
      parse_inference_request("/vllm.grpc.engine.VllmEngine/Generate", "application/grpc", body);
  if (!request) return 0;
  CHECK(request->prompts.empty() || request->token_prompts.empty());
  CHECK(request->prompts.empty() || request->prompts[0].size() < size);
  CHECK(request->token_prompts.empty() || request->token_prompts[0].size() < size);
  return 0;
}
