#include "text/detail/term_dictionary.h"

#include "base/check.h"

namespace rage::text::detail {
namespace {

std::uint64_t term_hash(std::string_view term) {
  std::uint64_t hash = 0xCBF29CE484222325U;
  for (const char c : term) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  return hash ^ (hash >> 32);
}

}  // namespace

std::string_view TermDictionary::term(std::uint32_t number) const {
  const std::uint64_t begin = number == 0 ? 0 : ends_[number - 1];
  return std::string_view(bytes_).substr(begin, ends_[number] - begin);
}

// The slot that holds the term, or the free one where it belongs.
std::size_t TermDictionary::slot_of(std::string_view wanted) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = term_hash(wanted) & mask;
  while (slots_[at] != kAbsent && term(slots_[at]) != wanted) at = (at + 1) & mask;
  return at;
}

std::uint32_t TermDictionary::find(std::string_view wanted) const {
  return slots_.empty() ? kAbsent : slots_[slot_of(wanted)];
}

std::uint32_t TermDictionary::insert(std::string_view wanted) {
  if (ends_.size() * 4 >= slots_.size() * 3) grow();
  const std::size_t slot = slot_of(wanted);
  if (slots_[slot] != kAbsent) return slots_[slot];
  CHECK(ends_.size() < kAbsent);
  const std::uint32_t number = size();
  slots_[slot] = number;
  bytes_.append(wanted);
  ends_.push_back(bytes_.size());
  return number;
}

void TermDictionary::grow() {
  slots_.assign(slots_.empty() ? 16 : slots_.size() * 2, kAbsent);
  for (std::uint32_t number = 0; number < size(); ++number) slots_[slot_of(term(number))] = number;
}

void TermDictionary::shrink_to_fit() {
  bytes_.shrink_to_fit();
  ends_.shrink_to_fit();
}

std::size_t TermDictionary::bytes() const {
  return bytes_.capacity() + ends_.capacity() * sizeof(ends_[0]) +
         slots_.capacity() * sizeof(slots_[0]);
}

}  // namespace rage::text::detail
