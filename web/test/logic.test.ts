// What the page decides without a browser; run by Node (tests/web/CMakeLists.txt).
import assert from "node:assert/strict";
import test from "node:test";
import { parseInline, parseMarkdown, safeUrl } from "../src/markdown";
import { badgeOf, readFacts, readMessages, readSessions, sentencesCiting } from "../src/model";
import { SseParser } from "../src/sse";
import { supportingPieces } from "../src/words";

// A model that writes a script or a trap must be read as text.
test("HTML stays text and no link can run", () => {
  assert.deepEqual(parseMarkdown("<img src=x onerror=alert(1)>"), [
    { kind: "paragraph", children: [{ kind: "text", text: "<img src=x onerror=alert(1)>" }] },
  ]);
  for (const url of ["javascript:alert(1)", "JaVaScRiPt:alert(1)", "data:text/html,x", "/relative", " vbscript:x"]) {
    assert.equal(safeUrl(url), null, url);
  }
  assert.deepEqual(parseInline("[x](javascript:alert)"), [{ kind: "text", text: "[x](javascript:alert)" }]);
  assert.equal(safeUrl("https://a.example/b?c"), "https://a.example/b?c");
});

test("answers' marks are found, code keeps its own", () => {
  assert.deepEqual(parseInline("In **C** [1]. So [unverified]"), [
    { kind: "text", text: "In " },
    { kind: "strong", children: [{ kind: "text", text: "C" }] },
    { kind: "text", text: " " },
    { kind: "citation", number: 1 },
    { kind: "text", text: ". So " },
    { kind: "unverified" },
  ]);
  assert.deepEqual(parseInline("`a[1]`"), [{ kind: "code", text: "a[1]" }]);
  assert.deepEqual(parseInline("see https://a.example/b."), [
    { kind: "text", text: "see " },
    { kind: "link", href: "https://a.example/b", children: [{ kind: "text", text: "https://a.example/b" }] },
    { kind: "text", text: "." },
  ]);
});

test("blocks", () => {
  const kinds = parseMarkdown("# T\n\np\n- a\n  - b\n- c\n\n1. x\n\n```sh\nls\n```\n\n|a|b|\n|-|-|\n|1|2|\n\n> q\n\n---");
  assert.deepEqual(
    kinds.map((block) => block.kind),
    ["heading", "paragraph", "list", "list", "code", "table", "quote", "rule"],
  );
  const list = kinds[2];
  assert.ok(list?.kind === "list" && list.items.length === 2 && list.items[0]?.[1]?.kind === "list");
  const table = kinds[5];
  assert.ok(table?.kind === "table" && table.header.length === 2 && table.rows.length === 1);
  assert.deepEqual(kinds[4], { kind: "code", language: "sh", text: "ls" });
});

// While it streams, an answer is cut anywhere; the page must not hang or fail on any of it.
test("half an answer and hostile nesting end", () => {
  const answer = "**bold [1] `co\n```\n| a |\n- x\n" + "> ".repeat(200) + "*".repeat(3000) + "[".repeat(3000);
  for (let end = 0; end < answer.length; end += 97) parseMarkdown(answer.slice(0, end));
  assert.ok(parseMarkdown(answer).length > 0);
});

test("events come out whole, however they are cut", () => {
  const stream = 'event: delta\r\ndata: {"text":\ndata: "é"}\n\n: keep-alive\n\ndata: x\n\nevent: lost\ndata: y\n';
  const expected = [
    { event: "delta", data: '{"text":\n"é"}' },
    { event: "message", data: "x" },
  ];
  for (const size of [1, 2, 7, 1000]) {
    const parser = new SseParser();
    const events = [];
    for (let at = 0; at < stream.length; at += size) events.push(...parser.feed(stream.slice(at, at + size)));
    assert.deepEqual(events, expected);
  }
});

test("supporting words are marked, common ones are not", () => {
  assert.deepEqual(supportingPieces("It is in Ballroom C at 14:00 [1].", "Talk: Ballroom C, 14:00 in the hall"), [
    { text: "Talk: ", marked: false },
    { text: "Ballroom C, 14:00", marked: true },
    { text: " in the hall", marked: false },
  ]);
  assert.deepEqual(supportingPieces("x", ""), []);
});

test("a citation leads to its own sentence", () => {
  const answer = "KAITO is in Ballroom C. [1] It starts at 2 p.m. [2]\n- Other talk [3]";
  assert.equal(sentencesCiting(answer, 1), "KAITO is in Ballroom C. [1]");
  assert.equal(sentencesCiting(answer, 3), "- Other talk [3]");
  assert.equal(sentencesCiting(answer, 9), answer);
  assert.equal(sentencesCiting("It is in C. It is at 2. [1] No. [2]", 1), "It is in C. It is at 2. [1]");
});

// The one thing the page must never hide: that the sources do not tell.
test("badges say how much an answer may be trusted", () => {
  const badge = (mode: string): unknown => badgeOf(readFacts({ model: "m", grounding: { mode } }));
  assert.deepEqual(
    ["composed", "fallback", "model", "abstained", "unverified", "new-mode"].map(badge),
    ["sources", "sources", "checked", "silent", "unverified", "unverified"],
  );
  assert.equal(badgeOf(readFacts({ model: "m" })), "unverified");
  assert.equal(badgeOf(undefined), null);
});

test("replies of any shape are read without failing", () => {
  for (const value of [null, 7, "x", [], {}, { messages: [null, 7], sessions: [null], sources: 1, grounding: [] }]) {
    readMessages(value);
    readSessions(value);
    assert.equal(readFacts(value).grounding, null);
  }
  const messages = readMessages({ messages: [{ role: "user", content: "Hi", timestamp: "T" }] });
  assert.equal(messages[0]?.state, "failed"); // It has no answer yet: it can be asked again.
});
