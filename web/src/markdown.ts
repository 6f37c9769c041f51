// Markdown as a tree: paragraphs, headings, lists, code, quotes, tables, links, and what an
// answer carries besides: [1] and [unverified]. Pure; markdown_view.ts shows it. HTML is text.

export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "strong" | "emphasis"; children: Inline[] }
  | { kind: "link"; href: string; children: Inline[] }
  | { kind: "citation"; number: number }
  | { kind: "unverified" }
  | { kind: "break" };

export type Block =
  | { kind: "paragraph"; children: Inline[] }
  | { kind: "heading"; level: number; children: Inline[] }
  | { kind: "list"; ordered: boolean; start: number; items: Block[][] }
  | { kind: "code"; language: string; text: string }
  | { kind: "quote"; children: Block[] }
  | { kind: "table"; header: Inline[][]; rows: Inline[][][] }
  | { kind: "rule" };

const DEPTH_MAX = 6;

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+#.-]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])\s+(.*)$/;
const TABLE_LINE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

export function parseMarkdown(text: string, depth = 0): Block[] {
  const lines = text.replace(/\r\n?/g, "\n").split("\n");
  const blocks: Block[] = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      at += 1;
      continue;
    }
    const [block, next] = parseBlock(lines, at, depth);
    blocks.push(block);
    at = next;
  }
  return blocks;
}

type Parsed = [block: Block, next: number];

function parseBlock(lines: readonly string[], at: number, depth: number): Parsed {
  const line = lines[at] ?? "";
  const fence = FENCE.exec(line);
  if (fence) return parseFence(lines, at, fence[1] ?? "```", fence[2] ?? "");
  const heading = HEADING.exec(line);
  if (heading) {
    const level = (heading[1] ?? "#").length;
    return [{ kind: "heading", level, children: parseInline(heading[2] ?? "") }, at + 1];
  }
  if (RULE.test(line)) return [{ kind: "rule" }, at + 1];
  if (depth < DEPTH_MAX && QUOTE.test(line)) return parseQuote(lines, at, depth);
  if (depth < DEPTH_MAX && ITEM.test(line)) return parseList(lines, at, depth);
  if (isTableAt(lines, at)) return parseTable(lines, at);
  return parseParagraph(lines, at, depth);
}

function parseFence(lines: readonly string[], at: number, fence: string, language: string): Parsed {
  let end = at + 1;
  while (end < lines.length && !(lines[end] ?? "").trimStart().startsWith(fence)) end += 1;
  const text = lines.slice(at + 1, end).join("\n");
  return [{ kind: "code", language, text }, end + 1];
}

function parseQuote(lines: readonly string[], at: number, depth: number): Parsed {
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end] ?? "")) end += 1;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return [{ kind: "quote", children: parseMarkdown(inner.join("\n"), depth + 1) }, end];
}

function parseList(lines: readonly string[], at: number, depth: number): Parsed {
  const first = ITEM.exec(lines[at] ?? "");
  const ordered = /\d/.test(first?.[2] ?? "");
  const items: Block[][] = [];
  let next = at;
  while (next < lines.length) {
    const item = ITEM.exec(lines[next] ?? "");
    if (!item || /\d/.test(item[2] ?? "") !== ordered) break;
    const inner = [item[3] ?? ""];
    next += 1;
    while (next < lines.length && belongsToItem(lines, next)) {
      inner.push((lines[next] ?? "").replace(/^ {1,4}|^\t/, ""));
      next += 1;
    }
    items.push(parseMarkdown(inner.join("\n"), depth + 1));
    if (isBlank(lines[next]) && ITEM.test(lines[next + 1] ?? "")) next += 1;
  }
  const start = ordered ? Number.parseInt(first?.[2] ?? "1", 10) : 1;
  return [{ kind: "list", ordered, start, items }, next];
}

// Indented lines, what goes on lazily, and an empty line before an indented one.
function belongsToItem(lines: readonly string[], at: number): boolean {
  const line = lines[at] ?? "";
  if (isBlank(line)) return /^( {2,}|\t)\S/.test(lines[at + 1] ?? "");
  if (/^( {2,}|\t)/.test(line)) return true;
  return !startsBlock(line);
}

function isTableAt(lines: readonly string[], at: number): boolean {
  const line = lines[at] ?? "";
  const rule = lines[at + 1] ?? "";
  return line.includes("|") && rule.includes("-") && rule.includes("|") && TABLE_LINE.test(rule);
}

function parseTable(lines: readonly string[], at: number): Parsed {
  const header = cellsOf(lines[at] ?? "");
  const rows: Inline[][][] = [];
  let next = at + 2;
  while (next < lines.length && (lines[next] ?? "").includes("|")) {
    const cells = cellsOf(lines[next] ?? "");
    rows.push(header.map((_, column) => cells[column] ?? []));
    next += 1;
  }
  return [{ kind: "table", header, rows }, next];
}

function cellsOf(line: string): Inline[][] {
  const trimmed = line.trim().replace(/^\|/, "").replace(/\|$/, "");
  return trimmed.split("|").map((cell) => parseInline(cell.trim()));
}

function parseParagraph(lines: readonly string[], at: number, depth: number): Parsed {
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end]) && !isTableAt(lines, end)) {
    if (depth < DEPTH_MAX && startsBlock(lines[end] ?? "")) break;
    end += 1;
  }
  const text = lines.slice(at, end).map((line) => line.trimStart()).join("\n");
  return [{ kind: "paragraph", children: parseInline(text) }, end];
}

function startsBlock(line: string): boolean {
  return [FENCE, HEADING, RULE, QUOTE, ITEM].some((pattern) => pattern.test(line));
}

function isBlank(line: string | undefined): boolean {
  return line !== undefined && line.trim() === "";
}

// ---- inside a line ----------------------------------------------------------------------------

interface Rule {
  pattern: RegExp;
  make: (match: RegExpExecArray, depth: number) => Inline;
}

// In order; each is tried where the text stands, so cost is linear in its length times the rules.
const RULES: readonly Rule[] = [
  { pattern: /\\([!-/:-@[-`{-~])/y, make: (m) => ({ kind: "text", text: m[1] ?? "" }) },
  { pattern: /``(.{1,2000}?)``/y, make: (m) => ({ kind: "code", text: (m[1] ?? "").trim() }) },
  { pattern: /`([^`\n]{1,2000})`/y, make: (m) => ({ kind: "code", text: m[1] ?? "" }) },
  { pattern: /\[(\d{1,3})\](?!\()/y, make: (m) => ({ kind: "citation", number: Number(m[1]) }) },
  { pattern: /\[unverified\]/y, make: () => ({ kind: "unverified" }) },
  {
    pattern: /\[([^[\]\n]{1,500})\]\(<?([^()\s<>]{1,2000}(?:\([^()\s<>]{0,200}\))?)>?\)/y,
    make: (m, depth) => link(m[2] ?? "", parseInline(m[1] ?? "", depth + 1), m[0] ?? ""),
  },
  { pattern: /<?(https?:\/\/[^\s<>"'`]{1,2000}[^\s<>"'`.,;:!?)\]])>?/y, make: (m) => bareLink(m[1] ?? "") },
  { pattern: /\*\*(?=\S)([^\n]{1,2000}?\S?)\*\*/y, make: (m, depth) => nested("strong", m, depth) },
  { pattern: /\*(?=\S)([^*\n]{1,2000}?)\*/y, make: (m, depth) => nested("emphasis", m, depth) },
  { pattern: /(?: {2,}|\\)\n/y, make: () => ({ kind: "break" }) },
];
const SPECIAL = /[\\`[<h*]| {2,}\n/g;

export function parseInline(text: string, depth = 0): Inline[] {
  if (depth > DEPTH_MAX) return [{ kind: "text", text }];
  const found: Inline[] = [];
  let plain = "";
  let at = 0;
  while (at < text.length) {
    const hit = matchAt(text, at, depth);
    if (hit) {
      if (plain) found.push({ kind: "text", text: plain });
      plain = "";
      found.push(hit.inline);
      at = hit.end;
      continue;
    }
    SPECIAL.lastIndex = at + 1;
    const next = SPECIAL.exec(text)?.index ?? text.length;
    plain += text.slice(at, next);
    at = next;
  }
  if (plain) found.push({ kind: "text", text: plain });
  return found;
}

function matchAt(text: string, at: number, depth: number): { inline: Inline; end: number } | null {
  for (const { pattern, make } of RULES) {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    const end = pattern.lastIndex; // Now: make() may use the pattern again.
    if (match) return { inline: make(match, depth), end };
  }
  return null;
}

function nested(kind: "strong" | "emphasis", match: RegExpExecArray, depth: number): Inline {
  return { kind, children: parseInline(match[1] ?? "", depth + 1) };
}

function link(url: string, children: Inline[], source: string): Inline {
  const href = safeUrl(url);
  return href ? { kind: "link", href, children } : { kind: "text", text: source };
}

function bareLink(url: string): Inline {
  return link(url, [{ kind: "text", text: url }], url);
}

/** The address, if it leads to a page or a mailbox; null for anything that could run. */
export function safeUrl(url: string): string | null {
  try {
    const parsed = new URL(url);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}
