// The list of conversations: find, open, rename, delete, download.
import { ApiError, deleteSession, exportUrl, listSessions, renameSession } from "./api";
import { button, byId, el } from "./dom";
import type { SessionInfo } from "./model";
import { fill, t } from "./texts";

export interface HistoryEvents {
  open: (id: string) => void;
  removed: (id: string) => void;
}

export class HistoryPanel {
  private readonly items = byId("sessions", HTMLUListElement);
  private readonly note = byId("sessions-note", HTMLElement);
  private readonly search = byId("sessions-search", HTMLInputElement);
  private sessions: readonly SessionInfo[] = [];
  private current = "";

  constructor(private readonly events: HistoryEvents) {
    this.search.addEventListener("input", () => this.show());
  }

  async refresh(current: string): Promise<void> {
    this.current = current;
    try {
      this.sessions = await listSessions();
      this.show();
    } catch (error) {
      // The demo's agent has no list.
      if (error instanceof ApiError && error.status === 404) return this.show();
      this.say(t.listFailed, button(t.tryAgain, () => void this.refresh(this.current)));
    }
  }

  mark(current: string): void {
    this.current = current;
    this.show();
  }

  private show(): void {
    const wanted = this.search.value.trim().toLowerCase();
    const found = this.sessions.filter((session) => session.title.toLowerCase().includes(wanted));
    this.items.replaceChildren(...found.map((session) => this.showSession(session)));
    if (found.length > 0) this.say("");
    else this.say(this.sessions.length === 0 ? t.noConversations : t.nothingFound);
  }

  private say(text: string, action?: HTMLElement): void {
    this.note.replaceChildren(text, ...(action ? [" ", action] : []));
    this.note.hidden = text === "";
  }

  private showSession(session: SessionInfo): HTMLElement {
    const title = session.title || session.id;
    const open = el(
      "a",
      {
        href: `/${encodeURIComponent(session.id)}`,
        class: "session",
        "aria-current": session.id === this.current ? "page" : undefined,
        on: { click: (event) => this.follow(event, session.id) },
      },
      title,
    );
    const item = el("li", {}, open);
    const tools = el(
      "span",
      { class: "tools" },
      button("✎", () => this.rename(item, session), { "aria-label": fill(t.renameOf, { title }), title: t.rename }),
      el("a", { href: exportUrl(session.id), download: true, "aria-label": fill(t.downloadOf, { title }), title: t.download }, "⤓"),
      button("✕", () => this.askToRemove(item, session), { "aria-label": fill(t.removeOf, { title }), title: t.remove }),
    );
    item.append(tools);
    return item;
  }

  private follow(event: MouseEvent, id: string): void {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // A new tab, as links do.
    event.preventDefault();
    this.events.open(id);
  }

  private rename(item: HTMLElement, session: SessionInfo): void {
    const input = el("input", { type: "text", maxlength: 200, "aria-label": t.newName });
    input.value = session.title;
    const save = async (): Promise<void> => {
      const title = input.value.trim();
      if (title !== "" && title !== session.title) {
        await this.attempt(() => renameSession(session.id, title));
      } else {
        this.show();
      }
    };
    this.replace(item, input, button(t.save, () => void save()));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && !event.isComposing) void save();
    });
    input.select();
  }

  private askToRemove(item: HTMLElement, session: SessionInfo): void {
    const question = el("p", {}, fill(t.removeQuestion, { title: session.title || session.id }));
    const remove = button(t.remove, () => {
      void this.attempt(() => deleteSession(session.id)).then((gone) => {
        if (gone) this.events.removed(session.id);
      }, () => undefined);
    }, { class: "danger" });
    this.replace(item, question, remove);
    remove.focus();
  }

  // A small form in place of an entry; Escape leaves it.
  private replace(item: HTMLElement, content: HTMLElement, action: HTMLElement): void {
    const form = el(
      "div",
      {
        class: "entry-form",
        on: {
          keydown: (event) => {
            if (event.key !== "Escape") return;
            event.stopPropagation();
            this.show();
          },
        },
      },
      content,
      el("span", { class: "row" }, action, button(t.cancel, () => this.show())),
    );
    item.replaceChildren(form);
    content.focus();
  }

  private async attempt(change: () => Promise<void>): Promise<boolean> {
    try {
      await change();
      await this.refresh(this.current);
      return true;
    } catch (error) {
      this.show();
      this.say(error instanceof ApiError ? error.message : t.failed);
      return false;
    }
  }
}
