// Shows a Markdown tree as elements.
import { button, el } from "./dom";
import { parseMarkdown, type Block, type Inline } from "./markdown";
import { t } from "./texts";

/** What a citation mark does: null for a number that is no source of this answer. */
export type CitationChip = (number: number) => HTMLElement | null;

export function showMarkdown(text: string, chip: CitationChip): HTMLElement[] {
  return parseMarkdown(text).map((block) => showBlock(block, chip));
}

function showBlock(block: Block, chip: CitationChip): HTMLElement {
  switch (block.kind) {
    case "paragraph":
      return el("p", {}, ...showInlines(block.children, chip));
    case "heading":
      return showHeading(block.level, showInlines(block.children, chip));
    case "list":
      return showList(block, chip);
    case "code":
      return showCode(block.text, block.language);
    case "quote":
      return el("blockquote", {}, ...block.children.map((child) => showBlock(child, chip)));
    case "table":
      return showTable(block, chip);
    case "rule":
      return el("hr");
  }
}

// The page has its own first and second level.
function showHeading(level: number, children: Node[]): HTMLElement {
  if (level === 1) return el("h3", {}, ...children);
  return level === 2 ? el("h4", {}, ...children) : el("h5", {}, ...children);
}

function showList(list: Block & { kind: "list" }, chip: CitationChip): HTMLElement {
  const items = list.items.map((blocks) => {
    const only = blocks[0];
    if (blocks.length === 1 && only?.kind === "paragraph") {
      return el("li", {}, ...showInlines(only.children, chip));
    }
    return el("li", {}, ...blocks.map((block) => showBlock(block, chip)));
  });
  if (!list.ordered) return el("ul", {}, ...items);
  return el("ol", list.start === 1 ? {} : { start: list.start }, ...items);
}

function showCode(text: string, language: string): HTMLElement {
  const copy = button(t.copy, () => {
    navigator.clipboard.writeText(text).then(
      () => (copy.textContent = t.copied),
      () => (copy.textContent = t.copyFailed),
    );
  });
  return el(
    "figure",
    { class: "code" },
    el("figcaption", {}, el("span", {}, language), copy),
    el("pre", { tabindex: 0 }, el("code", {}, text)),
  );
}

function showTable(table: Block & { kind: "table" }, chip: CitationChip): HTMLElement {
  const head = table.header.map((cell) => el("th", { scope: "col" }, ...showInlines(cell, chip)));
  const rows = table.rows.map((row) =>
    el("tr", {}, ...row.map((cell) => el("td", {}, ...showInlines(cell, chip)))),
  );
  return el(
    "div",
    { class: "table", tabindex: 0 },
    el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)),
  );
}

function showInlines(inlines: readonly Inline[], chip: CitationChip): Node[] {
  return inlines.map((inline) => showInline(inline, chip));
}

function showInline(inline: Inline, chip: CitationChip): Node {
  switch (inline.kind) {
    case "text":
      return document.createTextNode(inline.text);
    case "code":
      return el("code", {}, inline.text);
    case "strong":
      return el("strong", {}, ...showInlines(inline.children, chip));
    case "emphasis":
      return el("em", {}, ...showInlines(inline.children, chip));
    case "link":
      return el(
        "a",
        { href: inline.href, target: "_blank", rel: "noopener noreferrer nofollow" },
        ...showInlines(inline.children, chip),
      );
    case "citation":
      return chip(inline.number) ?? document.createTextNode(`[${inline.number}]`);
    case "unverified":
      return el("span", { class: "unverified", title: t.unverifiedHint }, `⚠ ${t.unverified}`);
    case "break":
      return el("br");
  }
}
