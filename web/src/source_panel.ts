// The panel with one source of an answer: its text, the words that support the answer marked.
import { byId, el } from "./dom";
import { safeUrl } from "./markdown";
import { sentencesCiting, spansIn, type AnswerFacts, type Citation } from "./model";
import { fill, t } from "./texts";
import { spanPieces, supportingPieces } from "./words";

const SOURCE_TEXT_MAX = 20_000;

export function showSource(answer: string, facts: AnswerFacts, citation: Citation): void {
  const panel = byId("source", HTMLDialogElement);
  const title = byId("source-title", HTMLElement);
  const body = byId("source-body", HTMLElement);
  title.textContent = fill(t.openSource, { number: citation.number, title: citation.title || citation.docId });
  body.replaceChildren(...contentOf(answer, facts, citation));
  body.scrollTop = 0;
  if (!panel.open) panel.showModal(); // Keeps the focus inside; Escape closes and gives it back.
}

function contentOf(answer: string, facts: AnswerFacts, citation: Citation): HTMLElement[] {
  const content: HTMLElement[] = [];
  const href = safeUrl(citation.url);
  if (href) {
    const link = { href, target: "_blank", rel: "noopener noreferrer" };
    content.push(el("p", {}, el("a", link, t.openPage)));
  }
  const sentence = sentencesCiting(answer, citation.number);
  const parts = facts.sources.filter((source) => source.docId === citation.docId);
  if (parts.length === 0) return [...content, el("p", { class: "quiet" }, t.noText)];
  content.push(el("p", { class: "quiet" }, t.supports));
  // Exact places, where the service tells them; a document in several parts has places of its own.
  const spans = parts.length === 1 ? spansIn(facts, citation.docId) : [];
  for (const part of parts) {
    const text = part.text.slice(0, SOURCE_TEXT_MAX);
    const pieces = spans.length > 0 ? spanPieces(spans, text) : supportingPieces(sentence, text);
    const marked = pieces.map(({ text, marked }) => (marked ? el("mark", {}, text) : text));
    content.push(el("blockquote", { class: "source-text" }, ...marked));
  }
  const metadata = parts[0]?.metadata ?? [];
  if (metadata.length > 0) content.push(showMetadata(metadata, sentence));
  return content;
}

function showMetadata(metadata: AnswerFacts["sources"][number]["metadata"], sentence: string): HTMLElement {
  const rows = metadata.flatMap(([name, value]) => {
    const href = safeUrl(value);
    const shown = href
      ? [el("a", { href, target: "_blank", rel: "noopener noreferrer" }, value)]
      : supportingPieces(sentence, value.slice(0, 2000)).map(({ text, marked }) =>
          marked ? el("mark", {}, text) : text,
        );
    return [el("dt", {}, name.replace(/_/g, " ")), el("dd", {}, ...shown)];
  });
  return el("dl", {}, ...rows);
}

export function prepareSourcePanel(): void {
  const panel = byId("source", HTMLDialogElement);
  const close = byId("source-close", HTMLButtonElement);
  close.textContent = t.close;
  close.addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => {
    if (event.target === panel) panel.close(); // Beside it.
  });
}
