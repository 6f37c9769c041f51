// PDF and Word documents to text, each by a process of its own with limits: what strangers wrote is
// read where it can do no harm.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/context.h"
#include "base/error.h"

namespace rage::cli {

struct ConvertOptions {
  // The program that reads Word documents: ours, as `rage convert-docx`, from standard input to
  // standard output. And Poppler's for PDF.
  std::vector<std::string> docx_program = {"/proc/self/exe", "convert-docx"};
  std::string pdf_program = "pdftotext";
  std::chrono::milliseconds time_max{60'000};  // One document; the processor's time as well.
  std::uint64_t memory_bytes_max = std::uint64_t{2} << 30;
  std::uint64_t text_bytes_max = std::uint64_t{64} << 20;
};

// Whether a file of that name needs convert_document(); case does not count.
bool is_convertible_name(std::string_view name);

struct ConvertedDocument {
  std::string text;       // UTF-8, never empty.
  bool markdown = false;  // Of a Word document; a PDF has no structure to speak of.
};

// `name` is one that is_convertible_name() knows. kFailedPrecondition if the converter is not
// installed (the message names the package), kInvalidArgument if the document cannot be read,
// kResourceExhausted or kDeadlineExceeded if it went over a limit.
Result<ConvertedDocument> convert_document(const Context& context, std::string_view name,
                                           std::string_view content,
                                           const ConvertOptions& options = {});

}  // namespace rage::cli
