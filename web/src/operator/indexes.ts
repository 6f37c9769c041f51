// The indexes, and the documents of one of them.
import { ApiError } from "../api";
import { button, byId, el } from "../dom";
import { text } from "../model";
import { fill, t } from "../texts";
import { deleteDocument, deleteIndex, listDocuments, listIndexes, type DocumentPage, type DocumentRow } from "./requests";

const PAGE = 20;

export class IndexList {
  private readonly items = byId("indexes", HTMLUListElement);
  private readonly note = byId("indexes-note", HTMLElement);
  private readonly documents = byId("documents", HTMLElement);
  private opened = "";

  constructor(private readonly changed: (indexes: readonly string[]) => void) {}

  async refresh(): Promise<void> {
    try {
      const indexes = await listIndexes();
      this.items.replaceChildren(...indexes.map((index) => this.showIndex(index)));
      this.say(indexes.length === 0 ? t.opNoIndexes : "");
      if (!indexes.includes(this.opened)) this.documents.replaceChildren();
      else await this.open(this.opened, 0);
      this.changed(indexes);
    } catch (error) {
      this.say(wordsOf(error), button(t.tryAgain, () => void this.refresh()));
    }
  }

  private showIndex(index: string): HTMLElement {
    const count = el("span", { class: "quiet" });
    listDocuments(index, 0, 1).then(
      (page) => (count.textContent = fill(t.opDocumentCount, { count: page.total })),
      () => undefined,
    );
    const item = el("li", {}, el("strong", {}, index), count);
    item.append(
      button(t.opShow, () => void this.open(index, 0), { "aria-label": fill(t.opShowOf, { index }) }),
      button(t.remove, () => this.askToDelete(item, index), { class: "danger", "aria-label": fill(t.opDeleteIndexOf, { index }) }),
    );
    return item;
  }

  private askToDelete(item: HTMLElement, index: string): void {
    const remove = button(t.remove, () => void this.attempt(() => deleteIndex(index)), { class: "danger" });
    const keep = button(t.cancel, () => void this.refresh());
    item.replaceChildren(el("p", {}, fill(t.opDeleteIndexQuestion, { index })), remove, keep);
    keep.focus();
  }

  private async open(index: string, offset: number): Promise<void> {
    this.opened = index;
    try {
      const page = await listDocuments(index, offset, PAGE);
      this.documents.replaceChildren(...this.showDocuments(index, offset, page));
    } catch (error) {
      this.say(wordsOf(error));
    }
  }

  private showDocuments(index: string, offset: number, page: DocumentPage): HTMLElement[] {
    const head = [t.opId, t.opText, t.opMetadata, t.remove].map((name) => el("th", { scope: "col" }, name));
    const rows = page.rows.map((row) => this.showDocument(index, row));
    const end = offset + page.rows.length;
    const range = { from: page.rows.length === 0 ? 0 : offset + 1, to: end, total: page.total };
    return [
      el("h3", {}, fill(t.opDocumentsOf, { index })),
      el("div", { class: "table", tabindex: 0, role: "region", "aria-label": fill(t.opDocumentsOf, { index }) },
        el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows))),
      el("p", { class: "pager" },
        offset > 0 && button(t.opBefore, () => void this.open(index, Math.max(0, offset - PAGE))),
        el("span", {}, fill(t.opRange, range)),
        end < page.total && button(t.opNext, () => void this.open(index, end))),
    ];
  }

  private showDocument(index: string, row: DocumentRow): HTMLElement {
    const title = text(row.metadata["title"]) || row.docId;
    const remove = button("✕", () => void this.attempt(() => deleteDocument(index, row.docId)), {
      "aria-label": fill(t.opDeleteDocumentOf, { title }),
      class: "danger",
    });
    const about = Object.entries(row.metadata)
      .filter(([name]) => name !== "description")
      .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
    const cells = [el("code", {}, row.docId.slice(0, 12)), row.text, about.join("; ").slice(0, 400), remove];
    return el("tr", {}, ...cells.map((cell) => el("td", {}, cell)));
  }

  private async attempt(change: () => Promise<void>): Promise<void> {
    try {
      await change();
      await this.refresh();
    } catch (error) {
      this.say(wordsOf(error));
    }
  }

  private say(words: string, action?: HTMLElement): void {
    this.note.replaceChildren(words, ...(action ? [" ", action] : []));
    this.note.hidden = words === "";
  }
}

export function wordsOf(error: unknown): string {
  if (!(error instanceof ApiError)) return t.failed;
  return error.status === 502 ? t.opUnreachable : error.message;
}
