#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "text/structured_chunks.h"
#include "text/unicode.h"

namespace rage::text {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::size_t count_quarters(std::string_view text) {
  return (count_code_points(text) + 3) / 4;
}

std::vector<std::string> chunks_of(std::string_view text, std::string_view language,
                                   std::size_t tokens_max) {
  std::vector<std::string> texts;
  for (const StructuredChunk& chunk : split_code(
           text, language, {.tokens_max = tokens_max, .tokens_overlap = 0}, count_quarters)) {
    EXPECT_LE(count_quarters(chunk.span.of(text)), tokens_max);
    texts.emplace_back(chunk.span.of(text));
  }
  return texts;
}

// Nothing but white space may be missing, whatever a grammar makes of the text.
std::string without_white_space(std::string_view text) {
  std::string rest;
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r') rest += c;
  }
  return rest;
}

struct Source {
  const char* language;
  const char* text;
  std::vector<const char*> whole;  // What has to be in one chunk.
};

const std::vector<Source>& sources() {
  static const std::vector<Source> kSources = {
      {"python",
       R"(import os

# Opens the file, once.
@cached
def read_all(path):
    """Everything in it."""
    with open(path) as file:
        return file.read()


class Pool:
    limit = 10

    def take(self):
        if self.used < self.limit:
            self.used += 1
            return True
        return False

    def give_back(self):
        self.used -= 1
)",
       {"# Opens the file, once.\n@cached\ndef read_all(path):\n    \"\"\"Everything in it.\"\"\"\n"
        "    with open(path) as file:\n        return file.read()",
        "def take(self):\n        if self.used < self.limit:\n            self.used += 1\n"
        "            return True\n        return False",
        "def give_back(self):\n        self.used -= 1"}},
      {"c",
       R"(#include <stdio.h>

/* The larger of the two. */
static int larger(int a, int b) {
  return a > b ? a : b;
}

struct point { int x; int y; };

int main(void) {
  printf("%d\n", larger(1, 2));
  return 0;
}
)",
       {"/* The larger of the two. */\nstatic int larger(int a, int b) {\n  return a > b ? a : "
        "b;\n}",
        "struct point { int x; int y; };",
        "int main(void) {\n  printf(\"%d\\n\", larger(1, 2));\n  return 0;\n}"}},
      {"cpp",
       R"(namespace shop {

// What a customer pays.
template <class T>
T total(const std::vector<T>& prices) {
  T sum{};
  for (const T& price : prices) sum += price;
  return sum;
}

class Basket final {
 public:
  void add(int price) { prices_.push_back(price); }
  int count() const { return static_cast<int>(prices_.size()); }

 private:
  std::vector<int> prices_;
};

}  // namespace shop
)",
       {"// What a customer pays.\ntemplate <class T>\nT total(const std::vector<T>& prices) {\n"
        "  T sum{};\n  for (const T& price : prices) sum += price;\n  return sum;\n}",
        "void add(int price) { prices_.push_back(price); }", "std::vector<int> prices_;\n};"}},
      {"go",
       R"(package shop

import "fmt"

// Total adds the prices.
func Total(prices []int) int {
	sum := 0
	for _, price := range prices {
		sum += price
	}
	return sum
}

type Basket struct {
	Prices []int
}

func (b *Basket) Print() { fmt.Println(Total(b.Prices)) }
)",
       {"// Total adds the prices.\nfunc Total(prices []int) int {\n\tsum := 0\n\tfor _, price := "
        "range "
        "prices {\n\t\tsum += price\n\t}\n\treturn sum\n}",
        "type Basket struct {\n\tPrices []int\n}",
        "func (b *Basket) Print() { fmt.Println(Total(b.Prices)) }"}},
      {"rust",
       R"(use std::fmt;

/// Adds the prices.
#[inline]
pub fn total(prices: &[u32]) -> u32 {
    prices.iter().sum()
}

#[derive(Debug)]
pub struct Basket { prices: Vec<u32> }

impl Basket {
    pub fn add(&mut self, price: u32) { self.prices.push(price); }
    pub fn total(&self) -> u32 { total(&self.prices) }
}
)",
       {"/// Adds the prices.\n#[inline]\npub fn total(prices: &[u32]) -> u32 {\n"
        "    prices.iter().sum()\n}",
        "#[derive(Debug)]\npub struct Basket { prices: Vec<u32> }",
        "pub fn total(&self) -> u32 { total(&self.prices) }"}},
      {"java",
       R"(package shop;

/** What a customer takes along. */
public class Basket {
  private final List<Integer> prices = new ArrayList<>();

  /** Adds one. */
  @Override
  public void add(int price) {
    prices.add(price);
  }

  public int total() {
    int sum = 0;
    for (int price : prices) sum += price;
    return sum;
  }
}
)",
       {"/** Adds one. */\n  @Override\n  public void add(int price) {\n    prices.add(price);\n  "
        "}",
        "public int total() {\n    int sum = 0;\n    for (int price : prices) sum += price;\n"
        "    return sum;\n  }"}},
      {"javascript",
       R"(import { sum } from './sum.js';

// Adds the prices.
export function total(prices) {
  return prices.reduce(sum, 0);
}

class Basket {
  constructor() { this.prices = []; }
  add(price) { this.prices.push(price); return this; }
}

const print = (basket) => { console.log(total(basket.prices)); };
)",
       {"// Adds the prices.\nexport function total(prices) {\n  return prices.reduce(sum, 0);\n}",
        "add(price) { this.prices.push(price); return this; }",
        "const print = (basket) => { console.log(total(basket.prices)); };"}},
      {"typescript",
       R"(interface Priced { price: number; }

/** Adds the prices. */
export function total(items: readonly Priced[]): number {
  return items.reduce((sum, item) => sum + item.price, 0);
}

export class Basket<T extends Priced> {
  private items: T[] = [];
  add(item: T): this { this.items.push(item); return this; }
}

type Key = keyof Priced | 'total';
)",
       {"interface Priced { price: number; }",
        "/** Adds the prices. */\nexport function total(items: readonly Priced[]): number {\n"
        "  return items.reduce((sum, item) => sum + item.price, 0);\n}",
        "add(item: T): this { this.items.push(item); return this; }"}},
      {"bash",
       R"(#!/usr/bin/env bash
set -euo pipefail

# Says it and goes.
die() {
  printf '%s\n' "$*" >&2
  exit 1
}

fetch() {
  local url=$1
  curl -fsS "$url" || die "no $url"
}

for url in "$@"; do
  fetch "$url"
done
)",
       {"# Says it and goes.\ndie() {\n  printf '%s\\n' \"$*\" >&2\n  exit 1\n}",
        "fetch() {\n  local url=$1\n  curl -fsS \"$url\" || die \"no $url\"\n}",
        "for url in \"$@\"; do\n  fetch \"$url\"\ndone"}},
      {"yaml",
       R"(apiVersion: v1
kind: Service
# Where it is reached.
spec:
  ports:
    - port: 80
      targetPort: 8080
    - port: 443
      targetPort: 8443
  selector:
    app: shop
    tier: front
status: {}
)",
       {"- port: 80\n      targetPort: 8080", "- port: 443\n      targetPort: 8443",
        "selector:\n    app: shop\n    tier: front"}},
      {"json",
       R"({
  "name": "shop",
  "dependencies": {"left": "1.0", "right": "2.0", "middle": "3.1.4"},
  "people": [
    {"name": "Ada", "languages": ["en", "fr"]},
    {"name": "Grace", "languages": ["en"]}
  ]
}
)",
       {R"("dependencies": {"left": "1.0", "right": "2.0", "middle": "3.1.4"})",
        R"({"name": "Ada", "languages": ["en", "fr"]})",
        R"({"name": "Grace", "languages": ["en"]})"}},
      {"html",
       R"(<!DOCTYPE html>
<html><body>
<section id="a"><h2>Hours</h2><p>Nine to five, every day.</p></section>
<section id="b"><h2>Prices</h2><ul><li>One: 1</li><li>Two: 2</li></ul></section>
</body></html>
)",
       {R"(<section id="a"><h2>Hours</h2><p>Nine to five, every day.</p></section>)",
        R"(<ul><li>One: 1</li><li>Two: 2</li></ul>)"}},
      {"markdown",
       R"(# Shop

Open every day.

## Prices

| what | price |
|------|-------|
| one  | 1     |
| two  | 2     |

## Hours

- Monday: nine to five
- Sunday: closed
)",
       {"| what | price |\n|------|-------|\n| one  | 1     |\n| two  | 2     |",
        "## Hours\n\n- Monday: nine to five\n- Sunday: closed"}},
      {"sql",
       R"(-- Who buys.
CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL
);

CREATE INDEX customers_by_name ON customers (name);

SELECT c.name, SUM(o.price) AS total
FROM customers c JOIN orders o ON o.customer = c.id
GROUP BY c.name;
)",
       {"-- Who buys.\nCREATE TABLE customers (\n  id INTEGER PRIMARY KEY,\n  name TEXT NOT "
        "NULL\n);",
        "CREATE INDEX customers_by_name ON customers (name);",
        "SELECT c.name, SUM(o.price) AS total\nFROM customers c JOIN orders o ON o.customer = "
        "c.id\n"
        "GROUP BY c.name"}},
      {"css",
       R"(/* The page. */
body { margin: 0; font-family: sans-serif; color: #222; }

.card { border: 1px solid #ccc; padding: 1em; }
@media (max-width: 600px) { .card { padding: 0.5em; } }
)",
       {"/* The page. */\nbody { margin: 0; font-family: sans-serif; color: #222; }",
        "@media (max-width: 600px) { .card { padding: 0.5em; } }"}},
      {"toml",
       R"([package]
name = "shop"
version = "0.1.0"

# What it needs.
[dependencies]
serde = { version = "1", features = ["derive"] }
)",
       {"[dependencies]\nserde = { version = \"1\", features = [\"derive\"] }"}},
      {"tsx",
       R"(export function Price({ value }: { value: number }) {
  return <span className="price">{value.toFixed(2)}</span>;
}

export const List = (props: { items: number[] }) => (
  <ul>{props.items.map((item) => <Price key={item} value={item} />)}</ul>
);
)",
       {"export function Price({ value }: { value: number }) {\n"
        "  return <span className=\"price\">{value.toFixed(2)}</span>;\n}"}}};
  return kSources;
}

// Half a function is found by the wrong question and answers none.
TEST(CodeChunks, ADefinitionThatFitsIsWholeInEveryLanguage) {
  for (const Source& source : sources()) {
    SCOPED_TRACE(source.language);
    ASSERT_TRUE(is_code_language(source.language));
    std::size_t longest = 0;
    for (const char* whole : source.whole) longest = std::max(longest, count_quarters(whole));
    // An eighth is kept for the context.
    const auto chunks = chunks_of(source.text, source.language, longest * 8 / 7 + 2);
    EXPECT_GT(chunks.size(), 1U);
    std::string all;
    for (const std::string& chunk : chunks) all += chunk;
    EXPECT_EQ(without_white_space(all), without_white_space(source.text));
    for (const char* whole : source.whole) {
      EXPECT_THAT(chunks, testing::Contains(HasSubstr(whole)));
    }
  }
}

// Of code that is cut differently after a restart, half the chunks would be embedded anew.
TEST(CodeChunks, TheSameTextIsCutTheSameWay) {
  for (const Source& source : sources()) {
    const auto first = split_code(source.text, source.language, {.tokens_max = 30}, count_quarters);
    EXPECT_EQ(first, split_code(source.text, source.language, {.tokens_max = 30}, count_quarters));
  }
}

TEST(CodeChunks, ATextThatFitsIsOneChunk) {
  EXPECT_THAT(chunks_of("\nx = 1\n\n\ny = 2\n", "python", 100), ElementsAre("x = 1\n\n\ny = 2"));
  EXPECT_THAT(chunks_of(" \n ", "python", 100), ElementsAre());
}

// A method by itself does not say what it is a method of.
TEST(CodeChunks, KnowWhatTheyAreAPartOf) {
  std::string text = "class Basket(Shop):\n";
  for (int i = 0; i < 12; ++i) {
    text += "    def method" + std::to_string(i) + "(self):\n        return self.prices[" +
            std::to_string(i) + "]\n\n";
  }
  const auto chunks = split_code(text, "python", {.tokens_max = 64}, count_quarters);
  ASSERT_GT(chunks.size(), 2U);
  EXPECT_THAT(chunks[0].span.of(text), StartsWith("class Basket(Shop):\n    def method0"));
  EXPECT_EQ(chunks[0].context, "");
  for (std::size_t i = 1; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i].context, "class Basket(Shop):");
    EXPECT_THAT(chunks[i].span.of(text), StartsWith("def method"));
    EXPECT_LE(count_quarters(chunks[i].context + "\n" + std::string(chunks[i].span.of(text))), 64U);
  }
}

// An embedder would cut off the chunk's end: a closing mark had been added to one that was full.
TEST(CodeChunks, AChunkAndItsContextFitTogether) {
  const std::string_view text = R"(# c
@d
def f(a):
    """doc"""
 :
    def g(self): pass
)";
  const TokenCounter count = [](std::string_view part) { return count_code_points(part); };
  const auto chunks = split_code(text, "python", {.tokens_max = 20, .tokens_overlap = 0}, count);
  ASSERT_FALSE(chunks.empty());
  for (const StructuredChunk& chunk : chunks) {
    const std::size_t context = chunk.context.empty() ? 0 : count(chunk.context) + 1;
    EXPECT_LE(context + count(chunk.span.of(text)), 20U);
  }
}

// The original drops a statement that is too long and has no parts.
TEST(CodeChunks, WhatIsTooLongIsCutAndNotLost) {
  std::string words;
  for (int i = 0; i < 300; ++i) words += "word" + std::to_string(i) + " ";
  const std::string text = "before = 1\ntext = '''" + words + "'''\nafter = 2\n";
  std::string all;
  for (const std::string& chunk : chunks_of(text, "python", 50)) all += chunk;
  EXPECT_EQ(without_white_space(all), without_white_space(text));
}

// Whoever may write an index must not be able to stop the service.
TEST(CodeChunks, SurviveHostileText) {
  for (const Source& source : sources()) {
    SCOPED_TRACE(source.language);
    for (const std::string_view piece : {"{(", "<a>", "- > ", "\"'", "`/*", "#if x\n", "a:\n "}) {
      std::string text;
      while (text.size() < 160) text += piece;
      std::string all;
      for (const std::string& chunk : chunks_of(text, source.language, 32)) all += chunk;
      EXPECT_EQ(without_white_space(all), without_white_space(text)) << piece;
    }
  }
}

// Lost memory is found when the test ends: the scanner of SQL kept every tag (deps/grammars.sh).
TEST(CodeChunks, DollarQuotesOfSqlLeaveNothingBehind) {
  std::string text;
  for (int i = 0; i < 20; ++i) text += "CREATE FUNCTION f() AS $body$ SELECT $a$x$a$; $body$;\n";
  text += "SELECT $" + std::string(3000, 'a') + "$ b $$ c $$ $body$";
  EXPECT_FALSE(chunks_of(text, "sql", 30).empty());
}

// Scanners keep what is open in a buffer of a fixed size, and write a little behind its end.
TEST(CodeChunks, SurviveDeepNesting) {
  std::string python;
  for (int i = 0; i < 520; ++i) python += std::string(static_cast<std::size_t>(i), ' ') + "if x:\n";
  std::string bash;
  for (int i = 0; i < 300; ++i) bash += "<<END" + std::to_string(i) + " ";
  std::string yaml;
  for (int i = 0; i < 280; ++i) yaml += "- ";
  for (const auto& [language, text] :
       {std::pair{"python", python}, {"bash", bash + "\n"}, {"yaml", yaml}}) {
    std::string all;
    for (const std::string& chunk : chunks_of(text, language, 64)) all += chunk;
    EXPECT_EQ(without_white_space(all), without_white_space(text)) << language;
  }
}

// After an error a parser passes over the rest token by token, looking at all of it each time.
TEST(CodeChunks, WhatWouldTakeForeverIsCutAsText) {
  const std::string text(5'000, '"');
  const ChunkOptions options{.tokens_max = 64, .tokens_overlap = 0};
  std::vector<TextSpan> spans;
  for (const StructuredChunk& chunk : split_code(text, "css", options, count_quarters)) {
    spans.push_back(chunk.span);
  }
  EXPECT_EQ(spans, split_into_chunks(text, options, count_quarters));
}

TEST(CodeChunks, NamesOfLanguagesAreExact) {
  for (const char* name : {"", "Python", "py", "c++", "js", "brainfuck", "../c"}) {
    EXPECT_FALSE(is_code_language(name)) << name;
  }
}

}  // namespace
}  // namespace rage::text
