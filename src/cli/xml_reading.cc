#include <expat.h>

#include <limits>
#include <memory>

#include "cli/detail/xml_reading.h"

namespace rage::cli::detail {
namespace {

constexpr std::size_t kDepthMax = 400;

// "w:p" is "p".
std::string_view local_name(const char* name) {
  const std::string_view whole(name);
  const std::size_t colon = whole.rfind(':');
  return colon == std::string_view::npos ? whole : whole.substr(colon + 1);
}

}  // namespace

std::string_view xml_attribute(const char** attributes, std::string_view wanted) {
  for (; attributes != nullptr && attributes[0] != nullptr; attributes += 2) {
    if (local_name(attributes[0]) == wanted) return attributes[1];
  }
  return {};
}

Result<void> XmlReading::run(std::string_view xml) {
  const std::unique_ptr<XML_ParserStruct, decltype(&XML_ParserFree)> parser(
      XML_ParserCreate("UTF-8"), &XML_ParserFree);
  if (parser == nullptr) return fail(ErrorCode::kResourceExhausted, "no memory to read XML");
  if (xml.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
    return fail(ErrorCode::kInvalidArgument, "its XML is too large");
  }
  parser_ = parser.get();
  XML_SetUserData(parser_, this);
  XML_SetElementHandler(parser_, &XmlReading::on_begin, &XmlReading::on_end);
  XML_SetCharacterDataHandler(parser_, &XmlReading::on_text);
  XML_SetStartDoctypeDeclHandler(parser_, &XmlReading::on_doctype);
  const auto status = XML_Parse(parser_, xml.data(), static_cast<int>(xml.size()), XML_TRUE);
  if (status == XML_STATUS_OK) return {};
  return fail(ErrorCode::kInvalidArgument, "its XML is damaged (line {})",
              XML_GetCurrentLineNumber(parser_));
}

void XmlReading::stop() {
  XML_StopParser(parser_, XML_FALSE);
}

void XmlReading::on_begin(void* self, const char* name, const char** attributes) {
  auto& reading = *static_cast<XmlReading*>(self);
  if (++reading.depth_ > kDepthMax) return reading.stop();
  reading.begin(local_name(name), attributes);
}

void XmlReading::on_end(void* self, const char* name) {
  auto& reading = *static_cast<XmlReading*>(self);
  // Expat may still say that an empty element ends whose beginning stopped it.
  if (reading.depth_-- > kDepthMax) return;
  reading.end(local_name(name));
}

void XmlReading::on_text(void* self, const char* words, int size) {
  static_cast<XmlReading*>(self)->text({words, static_cast<std::size_t>(size)});
}

void XmlReading::on_doctype(void* self, const char*, const char*, const char*, int) {
  static_cast<XmlReading*>(self)->stop();
}

}  // namespace rage::cli::detail
