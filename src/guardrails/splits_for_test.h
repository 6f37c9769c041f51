// For the tests of this room: texts cut at random, and texts in which much is found.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace rage::guardrails {

// The text in order, in pieces of up to `most` bytes; some pieces are empty.
inline std::vector<std::string> cut(std::string_view text, std::mt19937& random, std::size_t most) {
  std::vector<std::string> pieces;
  std::uniform_int_distribution<std::size_t> length(0, most);
  while (!text.empty()) {
    pieces.emplace_back(text.substr(0, length(random)));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

// Fragments of what scanners look for, put together at random.
inline std::string hostile_text(std::mt19937& random, int fragments) {
  static const std::vector<std::string> kFragments = {
      " ",
      "\n",
      ".",
      ", ",
      "-",
      "(",
      ")",
      "+",
      "@",
      "\"",
      "'",
      "=",
      "{",
      "}",
      ":",
      "a",
      "7",
      "é",
      "\u200b",
      "\xff",
      "ann@example.com",
      "bob.b@mail.example.org",
      "555-123-4567",
      "+1 (555) 987-6543",
      "4111 1111 1111 1111",
      "5500000000000004",
      "192.168.1.10",
      "10.0.0.1",
      "1234567890123456789012",
      "AKIAIOSFODNN7EXAMPLE",
      "ghp_0123456789abcdefghijABCDEFGHIJ",
      "password = \"hunter2hunter2\"",
      "hunter2hunter2",
      "bearer ",
      "0123456789abcdefghijkl",
      "-----BEGIN RSA PRIVATE KEY-----",
      "MIIEowIBAAKCAQEAabcdefghijklmnop",
      "-----END RSA PRIVATE KEY-----",
      "sk-",
      "word",
      "secret",
      "category",
      "cat",
      "Cat food",
      "the",
      " and the rest of it ",
      "例え",
      "\"d3b07384d113edec49eaa6238ad5ff00\"",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh",
      "https://u:pa55word@host/",
      "12",
      "345",
      "6789"};
  std::uniform_int_distribution<std::size_t> pick(0, kFragments.size() - 1);
  std::string text;
  for (int i = 0; i < fragments; ++i) text += kFragments[pick(random)];
  return text;
}

}  // namespace rage::guardrails
