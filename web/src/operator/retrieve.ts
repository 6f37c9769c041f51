// What a search finds, and how well.
import { byId, el } from "../dom";
import { t } from "../texts";
import { wordsOf } from "./indexes";
import { retrieve, type Hit } from "./requests";

export function prepareRetrieve(): void {
  byId("retrieve", HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    void search();
  });
}

async function search(): Promise<void> {
  const filter = readFilter(byId("retrieve-filter", HTMLInputElement).value);
  if (filter === undefined) return say(t.opFilterBad);
  const index = byId("retrieve-index", HTMLSelectElement).value;
  const query = byId("retrieve-query", HTMLInputElement).value;
  const count = Number(byId("retrieve-count", HTMLInputElement).value) || 5;
  const hits = byId("hits", HTMLElement);
  try {
    const found = await retrieve(index, query, count, filter);
    hits.replaceChildren(...(found.length > 0 ? [showHits(found)] : []));
    say(found.length > 0 ? "" : t.opNothing);
  } catch (error) {
    hits.replaceChildren();
    say(wordsOf(error));
  }
}

/** Undefined: no JSON object. */
function readFilter(text: string): unknown {
  if (text.trim() === "") return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function showHits(hits: readonly Hit[]): HTMLElement {
  const head = [t.opScore, t.opDense, t.opSparse, t.opText].map((name) => el("th", { scope: "col" }, name));
  const rows = hits.map((hit) =>
    el(
      "tr",
      {},
      ...[hit.score, hit.dense, hit.sparse].map((score) => el("td", { class: "number" }, score?.toFixed(4) ?? "–")),
      el("td", {}, el("strong", {}, hit.title), el("br"), hit.text.slice(0, 500)),
    ),
  );
  const table = el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
  return el("div", { class: "table", tabindex: 0, role: "region", "aria-label": t.opHits }, table);
}

function say(words: string): void {
  const note = byId("retrieve-note", HTMLElement);
  note.textContent = words;
  note.hidden = words === "";
}
