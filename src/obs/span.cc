#include "obs/span.h"

#include <algorithm>

#include "obs/tracer.h"

namespace rage::obs {
namespace {

thread_local Span* current = nullptr;

}  // namespace

Span& Span::operator=(Span&& other) noexcept {
  if (this == &other) return *this;
  end();
  tracer_ = other.tracer_;
  context_ = std::move(other.context_);
  record_ = std::move(other.record_);
  return *this;
}

bool Span::captures_content() const {
  return record_ != nullptr && tracer_->options().captures_content;
}

Span Span::child(std::string_view name, SpanKind kind) const {
  if (tracer_ != nullptr) return tracer_->begin_child(*this, name, kind);
  Span span;
  span.context_ = context_;
  return span;
}

void Span::put(std::string_view key, AttributeValue value) {
  std::vector<Attribute>& attributes = record_->attributes;
  const auto known = std::ranges::find(attributes, key, &Attribute::key);
  if (known != attributes.end()) {
    known->value = std::move(value);
  } else if (attributes.size() == kAttributesMax) {
    ++record_->attributes_dropped;
  } else {
    attributes.push_back({.key = std::string(key), .value = std::move(value)});
  }
}

void Span::rename(std::string_view name) {
  if (record_ != nullptr) record_->name = name;
}

void Span::fail(std::string_view type, std::string_view why) {
  if (record_ == nullptr) return;
  record_->failed = true;
  record_->failure = why.substr(0, kTextBytesMax);
  set("error.type", type);
}

void Span::end() {
  if (record_ == nullptr) return;
  tracer_->take(std::move(*record_));
  record_.reset();
}

Span& current_span() {
  thread_local Span none;
  return current == nullptr ? none : *current;
}

SpanScope::SpanScope(Span& span) : before_(current) {
  current = &span;
}

SpanScope::~SpanScope() {
  current = before_;
}

}  // namespace rage::obs
