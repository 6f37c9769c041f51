// XML of others, element by element, with limits. Pure.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"

struct XML_ParserStruct;

namespace rage::cli::detail {

// Of "w:val" for "val"; empty if absent. Prefixes are the writer's choice, but nobody mixes names
// of other vocabularies in.
std::string_view xml_attribute(const char** attributes, std::string_view wanted);

// Base of all readings: elements begin and end, to a depth of 400. Names come without prefixes. A
// document type ends it: entities are how a small file becomes a large one. One thread.
class XmlReading {
 public:
  virtual ~XmlReading() = default;
  virtual void begin(std::string_view name, const char** attributes) = 0;
  virtual void end(std::string_view name) = 0;
  virtual void text(std::string_view words) = 0;

  // UTF-8. Once. kInvalidArgument: damaged, too deep, or stopped.
  Result<void> run(std::string_view xml);

 protected:
  void stop();

 private:
  static void on_begin(void* self, const char* name, const char** attributes);
  static void on_end(void* self, const char* name);
  static void on_text(void* self, const char* words, int size);
  static void on_doctype(void* self, const char*, const char*, const char*, int);

  XML_ParserStruct* parser_ = nullptr;
  std::size_t depth_ = 0;
};

}  // namespace rage::cli::detail
