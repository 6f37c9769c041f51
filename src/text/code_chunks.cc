#include <tree_sitter/api.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "base/check.h"
#include "text/detail/span_tree.h"
#include "text/structured_chunks.h"

extern "C" {
const TSLanguage* tree_sitter_bash();
const TSLanguage* tree_sitter_c();
const TSLanguage* tree_sitter_cpp();
const TSLanguage* tree_sitter_css();
const TSLanguage* tree_sitter_go();
const TSLanguage* tree_sitter_html();
const TSLanguage* tree_sitter_java();
const TSLanguage* tree_sitter_javascript();
const TSLanguage* tree_sitter_json();
const TSLanguage* tree_sitter_python();
const TSLanguage* tree_sitter_rust();
const TSLanguage* tree_sitter_sql();
const TSLanguage* tree_sitter_toml();
const TSLanguage* tree_sitter_tsx();
const TSLanguage* tree_sitter_typescript();
const TSLanguage* tree_sitter_yaml();
}

namespace rage::text {
namespace {

using detail::kSpanDepthMax;
using detail::SpanNode;

constexpr std::size_t kCodeBytesMax = std::size_t{4} << 20;
// What a parser may do. Ordinary code takes about one operation, two bytes read and a hundred bytes
// of memory for each byte it has; text that is no code at all can take as many as it likes.
// Counted, not timed: the same text is cut the same way on a slow machine.
constexpr std::size_t kOperationsFree = 20'000;
constexpr std::size_t kOperationsPerByte = 5;
constexpr std::size_t kOperationsPerQuestion = 100;  // As often as the runtime asks.
constexpr std::size_t kBytesReadFree = std::size_t{512} << 10;
constexpr std::size_t kBytesReadPerByte = 24;
constexpr std::size_t kBytesPerRead = 256;
constexpr std::size_t kAllocatedFree = std::size_t{8} << 20;
constexpr std::size_t kAllocatedPerByte = 600;

// Markdown has rules of its own (split_markdown), which no grammar is needed for.
constexpr std::string_view kMarkdown = "markdown";

struct Grammar {
  std::string_view name;
  const TSLanguage* (*language)();
};

constexpr std::array<Grammar, 16> kGrammars{{{"bash", tree_sitter_bash},
                                             {"c", tree_sitter_c},
                                             {"cpp", tree_sitter_cpp},
                                             {"css", tree_sitter_css},
                                             {"go", tree_sitter_go},
                                             {"html", tree_sitter_html},
                                             {"java", tree_sitter_java},
                                             {"javascript", tree_sitter_javascript},
                                             {"json", tree_sitter_json},
                                             {"python", tree_sitter_python},
                                             {"rust", tree_sitter_rust},
                                             {"sql", tree_sitter_sql},
                                             {"toml", tree_sitter_toml},
                                             {"tsx", tree_sitter_tsx},
                                             {"typescript", tree_sitter_typescript},
                                             {"yaml", tree_sitter_yaml}}};

using Parser = std::unique_ptr<TSParser, decltype(&ts_parser_delete)>;
using Tree = std::unique_ptr<TSTree, decltype(&ts_tree_delete)>;

// What the runtime has allocated on this thread. After an error it copies, for each token that it
// passes over, all that it has passed over so far: no operation more, but quadratic.
thread_local std::size_t allocated_bytes = 0;

void* checked(void* block) {
  CHECK(block != nullptr);  // As the runtime does by itself.
  return block;
}
void* count_malloc(std::size_t bytes) {
  allocated_bytes += bytes;
  return checked(std::malloc(std::max<std::size_t>(bytes, 1)));
}
void* count_calloc(std::size_t count, std::size_t bytes) {
  allocated_bytes += count * bytes;
  return checked(std::calloc(std::max<std::size_t>(count, 1), std::max<std::size_t>(bytes, 1)));
}
void* count_realloc(void* block, std::size_t bytes) {
  allocated_bytes += bytes;
  return checked(std::realloc(block, std::max<std::size_t>(bytes, 1)));
}

// The runtime has one allocator for all; it is ours before its first allocation.
void count_allocations() {
  static const bool counted = [] {
    ts_set_allocator(count_malloc, count_calloc, count_realloc, std::free);
    return true;
  }();
  CHECK(counted);
}

// One parse: the text, and what is left of the patience with it. One thread.
struct Reading {
  std::string_view text;
  std::size_t questions_left = 0;
  std::size_t reads_left = 0;
  std::size_t allocated_before = allocated_bytes;
  bool over = false;

  explicit Reading(std::string_view text_to_read)
      : text(text_to_read),
        questions_left((kOperationsFree + text.size() * kOperationsPerByte) /
                       kOperationsPerQuestion),
        reads_left((kBytesReadFree + text.size() * kBytesReadPerByte) / kBytesPerRead) {}
  void look() {
    over = over || questions_left == 0 || reads_left == 0 ||
           allocated_bytes - allocated_before > kAllocatedFree + text.size() * kAllocatedPerByte;
  }
};

bool is_over(TSParseState* state) {
  auto& reading = *static_cast<Reading*>(state->payload);
  if (reading.questions_left > 0) --reading.questions_left;
  reading.look();
  return reading.over;
}

// In small pieces, so that what is read again and again is seen: an open string, from each quote in
// it to its end.
const char* read_piece(void* payload, std::uint32_t at, TSPoint /*point*/, std::uint32_t* bytes) {
  auto& reading = *static_cast<Reading*>(payload);
  if (reading.reads_left > 0) --reading.reads_left;
  reading.look();
  const std::size_t from = std::min<std::size_t>(at, reading.text.size());
  const std::size_t left = reading.over ? 0 : reading.text.size() - from;
  *bytes = static_cast<std::uint32_t>(std::min(left, kBytesPerRead));
  return reading.text.data() + from;
}

// Null if the parser lost its patience.
Tree parse(std::string_view text, const TSLanguage* language) {
  count_allocations();
  const Parser parser(ts_parser_new(), &ts_parser_delete);
  CHECK(ts_parser_set_language(parser.get(), language));  // The library and its grammars fit.
  Reading reading(text);
  const TSInput input{
      .payload = &reading, .read = read_piece, .encoding = TSInputEncodingUTF8, .decode = nullptr};
  const TSParseOptions options{.payload = &reading, .progress_callback = is_over};
  Tree tree(ts_parser_parse_with_options(parser.get(), nullptr, input, options), &ts_tree_delete);
  if (reading.over) tree.reset();  // It saw an end that is none.
  return tree;
}

std::size_t lines_between(std::string_view text, std::size_t begin, std::size_t end) {
  const std::string_view gap = text.substr(begin, end - begin);
  return static_cast<std::size_t>(std::ranges::count(gap, '\n'));
}

// Grammars differ in whether a comment has its line's end.
std::size_t end_of_words(std::string_view text, TextSpan span) {
  const std::size_t last = span.of(text).find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? span.begin : span.begin + last + 1;
}

bool describes_what_follows(std::string_view type) {
  constexpr std::array<std::string_view, 6> kTypes{"attribute_item", "inner_attribute_item",
                                                   "decorator",      "attribute_declaration",
                                                   "start_tag",      "annotation"};
  return type.contains("comment") || std::ranges::find(kTypes, type) != kTypes.end();
}

// "class Pool(Base):", "impl Drop for Pool {", "dependencies:" but not the first statement of a
// block.
TextSpan title_of(std::string_view text, TSNode node, TextSpan span) {
  const std::string_view type = ts_node_type(node);
  if (!ts_node_is_named(node) || type.starts_with("preproc")) return {};
  constexpr std::array<std::string_view, 4> kFields{"name", "key", "declarator", "body"};
  const bool speaks = std::ranges::any_of(kFields, [&](std::string_view field) {
    return !ts_node_is_null(
        ts_node_child_by_field_name(node, field.data(), static_cast<std::uint32_t>(field.size())));
  });
  if (!speaks) return {};
  const std::size_t line_end = std::min(text.find('\n', span.begin), span.end);
  return {.begin = span.begin, .end = line_end};
}

class TreeReader final {
 public:
  TreeReader(std::string_view text, std::size_t bytes_that_fit)
      : text_(text), bytes_that_fit_(bytes_that_fit) {}

  SpanNode read(TSNode node, std::size_t depth) const {
    SpanNode result{.span = {.begin = ts_node_start_byte(node), .end = ts_node_end_byte(node)}};
    if (result.span.end - result.span.begin <= bytes_that_fit_ || depth >= kSpanDepthMax) {
      return result;
    }
    result.title = title_of(text_, node, result.span);
    TSTreeCursor cursor = ts_tree_cursor_new(node);
    for (bool more = ts_tree_cursor_goto_first_child(&cursor); more;
         more = ts_tree_cursor_goto_next_sibling(&cursor)) {
      const TSNode child = ts_tree_cursor_current_node(&cursor);
      if (ts_node_start_byte(child) == ts_node_end_byte(child)) continue;
      add_child(result, child, depth);
    }
    ts_tree_cursor_delete(&cursor);
    return result;
  }

 private:
  void add_child(SpanNode& parent, TSNode node, std::size_t depth) const {
    SpanNode child = read(node, depth + 1);
    const std::string_view type = ts_node_type(node);
    child.with_next = describes_what_follows(type);
    child.with_previous = !ts_node_is_named(node) || type == "end_tag";
    if (!parent.children.empty()) {
      SpanNode& before = parent.children.back();
      const std::size_t lines =
          lines_between(text_, end_of_words(text_, before.span), child.span.begin);
      if (before.with_next && lines > 1) before.with_next = false;  // A blank line between.
      if (lines == 0 && type.contains("comment")) {  // On the line of what it is about.
        child.with_next = false;
        child.with_previous = true;
      }
    }
    parent.children.push_back(std::move(child));
  }

  const std::string_view text_;
  const std::size_t bytes_that_fit_;  // A node of so few is never cut.
};

}  // namespace

bool is_code_language(std::string_view language) {
  return language == kMarkdown ||
         std::ranges::find(kGrammars, language, &Grammar::name) != kGrammars.end();
}

std::vector<StructuredChunk> split_code(std::string_view text, std::string_view language,
                                        const ChunkOptions& options,
                                        const TokenCounter& count_tokens) {
  if (language == kMarkdown) return split_markdown(text, options, count_tokens);
  const auto* grammar = std::ranges::find(kGrammars, language, &Grammar::name);
  CHECK(grammar != kGrammars.end());
  ChunkOptions code = options;
  code.tokens_overlap = 0;
  const SpanNode unread{.span = {.begin = 0, .end = text.size()}};
  if (text.size() > kCodeBytesMax || text.size() <= options.tokens_max) {
    return detail::pack_spans(text, unread, code, count_tokens);
  }
  const Tree tree = parse(text, grammar->language());
  if (tree == nullptr) return detail::pack_spans(text, unread, code, count_tokens);
  // A token is a byte at least.
  const TreeReader reader(text, options.tokens_max / 2);
  return detail::pack_spans(text, reader.read(ts_tree_root_node(tree.get()), 0), code,
                            count_tokens);
}

}  // namespace rage::text
