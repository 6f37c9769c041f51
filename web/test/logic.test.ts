// What the page decides without a browser; run by Node, 18 or newer (tests/integration/CMakeLists.txt).
import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import test from "node:test";
import { parseInline, parseMarkdown, safeUrl } from "../src/markdown";
import { readConfig } from "../src/config";
import { badgeOf, readFacts, readMessages, readSessions, sentencesCiting, sessionsOf } from "../src/model";
import { documentsOf, PORTION_BYTES, portionsOf } from "../src/operator/documents";
import { SseParser } from "../src/sse";
import { fill, t, useTexts } from "../src/texts";
import { dayInWords, daysOf, matching, readSchedule, roomsOf, sessionOfSource, slotsOf } from "../src/timetable";
import { newTrace } from "../src/trace";
import { spanPieces, supportingPieces } from "../src/words";

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

// Whoever reads the wrong words marked trusts the wrong sentence: offsets count characters, not halves of them.
test("words are marked where the service says, in code points", () => {
  const spans = [{ start: 3, end: 7 }, { start: 3, end: 5 }, { start: 9, end: 99 }];
  const marked = spanPieces(spans, "é𝄞 Room 7 in C");
  assert.deepEqual(marked.filter((piece) => piece.marked).map((piece) => piece.text), ["Room", " in C"]);
  assert.equal(marked.map((piece) => piece.text).join(""), "é𝄞 Room 7 in C");
  assert.deepEqual(spanPieces([], "abc"), [{ text: "abc", marked: false }]);
});

const TALK = {
  doc_id: "d1",
  metadata: { title: "KAITO", speakers: [{ name: "A" }, "B", 7], location: "Room 9", date: "3/6/2026", start: "9:05", end: "10:00" },
};

test("a source of the schedule is a session, other sources are not", () => {
  const session = sessionOfSource(TALK);
  assert.deepEqual(session?.speakers, ["A", "B"]);
  assert.deepEqual([session?.date, session?.start, session?.end], ["2026-03-06", "09:05", "10:00"]);
  assert.equal(sessionOfSource({ metadata: { title: "A page" } }), null);
  assert.equal(sessionOfSource(null), null);
  const facts = readFacts({ grounding: { mode: "composed", citations: [{ number: 1, doc_id: "d1" }, { number: 2, doc_id: "d1" }] }, sources: [TALK, { ...TALK, doc_id: "d2" }] });
  assert.deepEqual(sessionsOf(facts).map((one) => one.docId), ["d1"]); // Cited ones only, once.
});

test("the timetable is in order and finds what is looked for", () => {
  const talk = (title: string, date: string, start: string, location: string): unknown => ({ title, date, start, end: "23:00", location, speakers: ["Ann Bee"] });
  const all = readSchedule({
    sessions: [talk("C", "2026-03-07", "10:00", "Room 10"), talk("B", "2026-03-06", "10:00", "Room 10"), talk("A", "2026-03-06", "10:00", "Room 9"),
      talk("Early", "2026-03-06", "09:00", "Room 9"), talk("No time", "", "", ""), talk("", "2026-03-06", "09:00", ""), null],
  });
  assert.deepEqual(daysOf(all), ["2026-03-06", "2026-03-07"]);
  assert.deepEqual(roomsOf(all), ["Room 9", "Room 10"]);
  assert.deepEqual(slotsOf(all, "2026-03-06").map((slot) => [slot.start, slot.sessions.map((one) => one.title)]), [["09:00", ["Early"]], ["10:00", ["A", "B"]]]);
  assert.deepEqual(matching(all, "bee a ROOM", "Room 9").map((one) => one.title), ["A", "Early"]);
  assert.equal(dayInWords("2026-03-08", "en-US"), "Sunday, March 8"); // Wherever the reader is.
});

test("files become documents in portions a request can carry", () => {
  assert.deepEqual(documentsOf("a.md", "# Title\nText")?.[0]?.metadata, { title: "Title", file_name: "a.md" });
  assert.equal(documentsOf("a.html", "<title>T</title><script>x</script><p>a &amp; b</p>")?.[0]?.text.includes("x"), false);
  assert.equal(documentsOf("a.json", '[{"text":"a"},{"text":"b","metadata":{"k":1}}]')?.length, 2);
  for (const [name, content] of [["a.json", "{"], ["a.json", '[{"x":1}]'], ["a.txt", ""], ["a.bin", "\u0000"]] as const) {
    assert.equal(documentsOf(name, content), null, name);
  }
  const documents = Array.from({ length: 45 }, (_, at) => ({ text: `${at}`, metadata: {} }));
  assert.deepEqual(portionsOf(documents)?.map((portion) => portion.length), [20, 20, 5]);
  assert.equal(portionsOf([{ text: "x".repeat(PORTION_BYTES), metadata: {} }]), null);
});

// A translation is a file: what it lacks stays English, what is no text is ignored.
test("a translation lays its texts over ours", () => {
  useTexts({ send: "Senden", nothing: "x", stop: 7, examples: ["Was?", 7] });
  assert.deepEqual([t.send, t.stop, t.examples], ["Senden", "Stop", ["Was?"]]);
  assert.equal(fill("{a} of {b} {c}", { a: 1, b: "x" }), "1 of x {c}");
  const config = readConfig({ modes: ["sources", "loud", 7], operator: true, theme: { logo: true } });
  assert.deepEqual([config.modes, config.operator, config.logo, config.index], [["sources"], true, true, ""]);
});

// A header that servers do not understand is a trace that begins at the agent: the id shown is nobody's.
test("a trace is named as W3C Trace Context has it, and never by zeros", () => {
  const zero = newTrace((bytes) => void bytes.fill(0));
  assert.equal(zero.parent, `00-${"0".repeat(31)}1-${"0".repeat(15)}1-01`);
  const random = (bytes: Uint8Array): void => void webcrypto.getRandomValues(bytes);  // Not global in Node 18.
  const trace = newTrace(random);
  assert.ok(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/.test(trace.parent), trace.parent);
  assert.equal(trace.parent.slice(3, 35), trace.id);
  assert.ok(newTrace(random).id !== trace.id);
});
