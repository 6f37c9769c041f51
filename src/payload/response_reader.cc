#include "payload/response_reader.h"

#include <array>
#include <cstddef>
#include <utility>

#include "base/strings.h"
#include "codec/json.h"
#include "payload/detail/json_machine.h"

namespace rage::payload {
namespace {

using detail::JsonMachine;

// Where in a reply something is said. Paths, outermost first:
//   model, usage.*                       every API
//   message.model, message.usage.*       Anthropic's message_start
//   response.model, response.usage.*     OpenAI's responses, as events
//   meta_info.*                          SGLang's generate
enum class Place { kRoot, kInner, kUsage, kDetails };

enum class Count { kPrompt, kInput, kOutput, kCached, kCacheRead, kCacheCreated };
constexpr std::size_t kCounts = 6;

struct Member {
  Place in;
  std::string_view name;
  // What the member is: a place to look into, a count, or the model's name.
  std::optional<Place> place = std::nullopt;
  std::optional<Count> count = std::nullopt;
};

constexpr Member kMembers[] = {
    {.in = Place::kRoot, .name = "model"},
    {.in = Place::kRoot, .name = "usage", .place = Place::kUsage},
    {.in = Place::kRoot, .name = "meta_info", .place = Place::kUsage},
    {.in = Place::kRoot, .name = "message", .place = Place::kInner},
    {.in = Place::kRoot, .name = "response", .place = Place::kInner},
    {.in = Place::kInner, .name = "model"},
    {.in = Place::kInner, .name = "usage", .place = Place::kUsage},
    {.in = Place::kUsage, .name = "prompt_tokens", .count = Count::kPrompt},
    {.in = Place::kUsage, .name = "input_tokens", .count = Count::kInput},
    {.in = Place::kUsage, .name = "completion_tokens", .count = Count::kOutput},
    {.in = Place::kUsage, .name = "output_tokens", .count = Count::kOutput},
    {.in = Place::kUsage, .name = "cached_tokens", .count = Count::kCached},
    {.in = Place::kUsage, .name = "cache_read_input_tokens", .count = Count::kCacheRead},
    {.in = Place::kUsage, .name = "cache_creation_input_tokens", .count = Count::kCacheCreated},
    {.in = Place::kUsage, .name = "prompt_tokens_details", .place = Place::kDetails},
    {.in = Place::kUsage, .name = "input_tokens_details", .place = Place::kDetails},
    {.in = Place::kDetails, .name = "cached_tokens", .count = Count::kCached},
};
constexpr std::size_t kNameBytesMax = 27;    // "cache_creation_input_tokens"
constexpr std::size_t kPlacesMax = 4;        // message.usage.details
constexpr std::size_t kNumberBytesMax = 20;  // 2^64.
constexpr std::size_t kEscapedBytesMax = 6;  // "\u006d" for one byte of text.

const Member* find_member(Place in, std::string_view name) {
  for (const Member& member : kMembers) {
    if (member.in == in && member.name == name) return &member;
  }
  return nullptr;
}

// Reads one JSON text after the other and passes it on.
class JsonReader {
 public:
  explicit JsonReader(const ResponseReaderOptions& options) {
    if (options.served_model.empty() || options.client_model.empty()) return;
    served_ = options.served_model;
    replacement_ = detail::quote_json(options.client_model);
  }

  void feed(std::string_view bytes, std::string& out) {
    while (!dead_) {
      const JsonMachine::Step step = machine_.run(bytes);
      pass(bytes.substr(0, step.consumed), out);
      bytes.remove_prefix(step.consumed);
      if (step.event == JsonMachine::Event::kMore) return;
      handle(step.event, bytes, out);
    }
    out += bytes;
  }

  // The text is over, whole or not: nothing stays behind, and another may begin.
  void end(std::string& out) {
    release(out);
    machine_ = JsonMachine();
    places_ = 0;
    member_ = nullptr;
    capture_ = Capture::kNothing;
    dead_ = false;
  }

  // What is held back cannot be a model's name any more.
  void release(std::string& out) {
    if (capture_ != Capture::kModel) return;
    out += text_;
    capture_ = Capture::kNothing;
  }

  const std::optional<Usage>& usage() const { return usage_; }

 private:
  enum class Capture { kNothing, kName, kNumber, kModel };

  // A model's name is held back, as long as it may be the one to replace; all else goes on.
  void pass(std::string_view bytes, std::string& out) {
    if (capture_ == Capture::kNothing) {
      out += bytes;
      return;
    }
    const std::size_t bytes_max =
        capture_ == Capture::kModel  ? kEscapedBytesMax * served_.size() + 2
        : capture_ == Capture::kName ? kEscapedBytesMax * kNameBytesMax + 1
                                     : kNumberBytesMax;
    const bool fits = text_.size() + bytes.size() <= bytes_max;
    if (capture_ != Capture::kModel) {
      out += bytes;
    } else if (!fits) {
      release(out);
      out += bytes;
    }
    if (fits) {
      text_ += bytes;
    } else {
      capture_ = Capture::kNothing;
    }
  }

  void handle(JsonMachine::Event event, std::string_view rest, std::string& out) {
    switch (event) {
      case JsonMachine::Event::kMore:
        return;
      case JsonMachine::Event::kKeyBegin:
        text_.clear();
        capture_ = Capture::kName;
        return;
      case JsonMachine::Event::kKeyEnd:
        return end_name();
      case JsonMachine::Event::kValueBegin:
        return begin_value(rest.front());
      case JsonMachine::Event::kValueEnd:
        return end_value(out);
      case JsonMachine::Event::kFailed:
        release(out);
        dead_ = true;
    }
  }

  void end_name() {
    member_ = nullptr;
    if (std::exchange(capture_, Capture::kNothing) != Capture::kName) return;
    text_.pop_back();  // The quote.
    std::string name;
    if (!detail::append_unescaped(text_, &name)) return;
    member_ = find_member(open_[places_ - 1], name);
  }

  void begin_value(char first) {
    text_.clear();
    if (machine_.depth() == 0) {
      if (first == '{') enter(Place::kRoot);
      return;
    }
    if (member_ == nullptr) return;
    if (member_->place) {
      if (first == '{') enter(*member_->place);
    } else if (member_->count) {
      if (is_ascii_digit(first)) capture_ = Capture::kNumber;
    } else if (first == '"' && !replacement_.empty()) {
      capture_ = Capture::kModel;
    }
  }

  void enter(Place place) {
    if (places_ == kPlacesMax) return;
    open_[places_++] = place;
    machine_.watch(static_cast<int>(places_));
  }

  void end_value(std::string& out) {
    const Capture capture = std::exchange(capture_, Capture::kNothing);
    if (capture == Capture::kNumber) {
      if (const auto count = parse_uint(text_)) set(*member_->count, *count);
    } else if (capture == Capture::kModel) {
      std::string model;
      const bool read =
          detail::append_unescaped(std::string_view(text_).substr(1, text_.size() - 2), &model);
      out += read && model == served_ ? replacement_ : text_;
    }
    places_ = static_cast<std::size_t>(machine_.depth());
    machine_.watch(machine_.depth());
  }

  void set(Count which, std::uint64_t count) {
    counts_[static_cast<std::size_t>(which)] = count;
    const auto of = [this](Count wanted) { return counts_[static_cast<std::size_t>(wanted)]; };
    const auto number = [&](Count wanted) { return of(wanted).value_or(0); };
    // Anthropic counts what came from the cache, or went into it, apart from its input tokens.
    const std::uint64_t input =
        number(Count::kInput) + number(Count::kCacheRead) + number(Count::kCacheCreated);
    usage_ = Usage{.prompt_tokens = of(Count::kPrompt).value_or(input),
                   .completion_tokens = number(Count::kOutput),
                   .cached_tokens = of(Count::kCached).value_or(number(Count::kCacheRead))};
  }

  std::string served_;
  std::string replacement_;  // In quotes; empty: nothing is renamed.
  JsonMachine machine_;
  std::array<Place, kPlacesMax> open_ = {};
  std::size_t places_ = 0;          // Of `open_`; all that is watched.
  const Member* member_ = nullptr;  // Whose value comes next.
  Capture capture_ = Capture::kNothing;
  std::string text_;   // What is captured.
  bool dead_ = false;  // No JSON: the rest goes on unseen.
  std::array<std::optional<std::uint64_t>, kCounts> counts_;
  std::optional<Usage> usage_;
};

class JsonResponse final : public ResponseReader {
 public:
  explicit JsonResponse(const ResponseReaderOptions& options) : json_(options) {}

  std::string push(std::string_view bytes, bool end) override {
    std::string out;
    out.reserve(bytes.size());
    json_.feed(bytes, out);
    if (end) json_.end(out);
    return out;
  }

  const std::optional<Usage>& usage() const override { return json_.usage(); }

 private:
  JsonReader json_;
};

// The data lines of an event are one JSON text (WHATWG HTML, "Server-sent events").
class EventStreamResponse final : public ResponseReader {
 public:
  explicit EventStreamResponse(const ResponseReaderOptions& options) : json_(options) {}

  std::string push(std::string_view bytes, bool end) override {
    std::string out;
    out.reserve(bytes.size());
    while (!bytes.empty()) bytes.remove_prefix(read_some(bytes, out));
    if (end) json_.end(out);
    return out;
  }

  const std::optional<Usage>& usage() const override { return json_.usage(); }

 private:
  enum class Line {
    kName,        // Of the field; `name_` has it so far.
    kAfterColon,  // Of a data line.
    kData,
    kOther,
  };
  static constexpr std::string_view kDataName = "data";

  std::size_t read_some(std::string_view bytes, std::string& out) {
    const char c = bytes.front();
    if (std::exchange(after_cr_, false) && c == '\n') {
      out += c;
      return 1;
    }
    if (c == '\n' || c == '\r') {
      end_line(out);
      after_cr_ = c == '\r';
      out += c;
      return 1;
    }
    switch (line_) {
      case Line::kName:
        read_name(c);
        out += c;
        return 1;
      case Line::kAfterColon:
        line_ = Line::kData;
        if (c != ' ') return 0;
        out += c;
        return 1;
      case Line::kData:
      case Line::kOther:
        break;
    }
    const std::string_view rest = bytes.substr(0, bytes.find_first_of("\r\n"));
    if (line_ == Line::kData) {
      json_.feed(rest, out);
    } else {
      out += rest;
    }
    return rest.size();
  }

  void read_name(char c) {
    line_is_empty_ = false;
    if (matched_ < kDataName.size() && c == kDataName[matched_]) {
      ++matched_;
    } else if (matched_ == kDataName.size() && c == ':') {
      begin_data_line();
      line_ = Line::kAfterColon;
    } else {
      line_ = Line::kOther;
    }
  }

  // A newline parts the lines of an event's text; it is on the wire already.
  void begin_data_line() {
    std::string nothing;
    if (std::exchange(has_data_, true)) json_.feed("\n", nothing);
  }

  void end_line(std::string& out) {
    json_.release(out);  // No string goes on in the next line.
    if (line_is_empty_) {
      json_.end(out);
      has_data_ = false;
    } else if (line_ == Line::kName && matched_ == kDataName.size()) {
      begin_data_line();
    }
    line_ = Line::kName;
    matched_ = 0;
    line_is_empty_ = true;
  }

  JsonReader json_;
  Line line_ = Line::kName;
  std::size_t matched_ = 0;  // Bytes of "data" at the start of the line.
  bool line_is_empty_ = true;
  bool after_cr_ = false;
  bool has_data_ = false;  // The event has a data line already.
};

}  // namespace

std::unique_ptr<ResponseReader> ResponseReader::create(ResponseReaderOptions options) {
  if (options.event_stream) return std::make_unique<EventStreamResponse>(options);
  return std::make_unique<JsonResponse>(options);
}

}  // namespace rage::payload
