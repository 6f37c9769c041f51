#include "payload/field_scanner.h"

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "payload/json_oracle_for_test.h"

// However a body is cut, the scanner reads it as simdjson does. The first byte says where to cut.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace rage::payload;
  if (size == 0) return 0;
  const std::string_view body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const std::size_t piece = 1 + bytes[0];
  const auto scanner = FieldScanner::create({"model"}, FieldScanner::Duplicates::kLastWins);
  bool read = true;
  for (std::size_t at = 0; read && at < body.size(); at += piece) {
    read = scanner->feed(body.substr(at, piece)).has_value();
  }
  read = read && scanner->finish().has_value();
  const OracleVerdict oracle = ask_oracle(body, "model");
  if (oracle.unsure) return 0;
  CHECK(read == (oracle.valid && oracle.object));
  CHECK(scanner->done() == read);
  if (!read) return 0;
  const auto value = scanner->value("model");
  CHECK(value.has_value() == oracle.found);
  CHECK(!value || *value == oracle.value || minified(*value) == oracle.value);
  return 0;
}
