// The timetable: days, hours, rooms; from each session to its page, a calendar, or a question.
import { ApiError, calendarUrl, loadSchedule } from "./api";
import { button, byId, el } from "./dom";
import { showSession } from "./session_card";
import { fill, t } from "./texts";
import { dayInWords, daysOf, matching, roomsOf, slotsOf, type Session } from "./timetable";

export interface TimetableEvents {
  ask: (question: string) => void;
}

export class TimetableView {
  private readonly body = byId("timetable-body", HTMLElement);
  private readonly note = byId("timetable-note", HTMLElement);
  private readonly search = byId("timetable-search", HTMLInputElement);
  private readonly room = byId("timetable-room", HTMLSelectElement);
  private readonly days = byId("timetable-days", HTMLElement);
  private readonly calendar = byId("timetable-calendar", HTMLAnchorElement);
  private sessions: readonly Session[] = [];
  private day = "";

  constructor(
    private readonly events: TimetableEvents,
    private readonly timezone: string,
  ) {
    this.search.addEventListener("input", () => this.show());
    this.room.addEventListener("change", () => this.show());
  }

  /** Shows what is current; `docId`: the session to lead the reader to. */
  async open(docId = ""): Promise<void> {
    if (this.sessions.length === 0) this.say(t.timetableLoading);
    try {
      const all = await loadSchedule();
      this.sessions = all.filter((session) => session.date !== "");
    } catch (error) {
      const missing = error instanceof ApiError && error.status === 404;
      if (this.sessions.length === 0) this.body.replaceChildren();
      const again = button(t.tryAgain, () => void this.open(docId));
      return missing ? this.say(t.timetableEmpty) : this.say(t.timetableFailed, again);
    }
    const rooms = roomsOf(this.sessions).map((room) => el("option", { value: room }, room));
    const chosen = this.room.value;
    this.room.replaceChildren(el("option", { value: "" }, t.allRooms), ...rooms);
    this.room.value = chosen;
    const wanted = this.sessions.find((session) => session.docId === docId);
    if (wanted) {
      this.search.value = "";
      this.room.value = "";
      this.day = wanted.date;
    }
    this.show();
    if (wanted) this.lead(wanted);
  }

  private show(): void {
    const found = matching(this.sessions, this.search.value, this.room.value);
    const days = daysOf(this.sessions);
    if (!days.includes(this.day)) this.day = days[0] ?? "";
    // A search that leaves this day empty moves to the first day that has something.
    if (!found.some((session) => session.date === this.day)) this.day = daysOf(found)[0] ?? this.day;
    this.days.replaceChildren(...days.map((day) => this.showDay(day, found)));
    this.body.replaceChildren(...slotsOf(found, this.day).map((slot) => this.showSlot(slot.start, slot.sessions)));
    this.calendar.href = calendarUrl(found.length === this.sessions.length ? [] : found.map((session) => session.docId));
    this.calendar.hidden = found.length === 0;
    if (this.sessions.length === 0) this.say(t.timetableEmpty);
    else if (found.length === 0) this.say(t.timetableNothing);
    else this.say(this.timezone === "" ? "" : fill(t.timesAreOf, { zone: this.timezone }));
  }

  private showDay(day: string, found: readonly Session[]): HTMLElement {
    const count = found.filter((session) => session.date === day).length;
    const choose = (): void => {
      this.day = day;
      this.show();
      this.days.querySelector<HTMLElement>("[aria-pressed=true]")?.focus();
    };
    return button(`${dayInWords(day)} (${count})`, choose, { "aria-pressed": String(day === this.day) });
  }

  private showSlot(start: string, sessions: readonly Session[]): HTMLElement {
    const actions = { ask: this.events.ask };
    const cards = sessions.map((session) => showSession(session, actions));
    return el("section", { class: "slot" }, el("h3", {}, start), el("ul", { class: "cards" }, ...cards));
  }

  private lead(session: Session): void {
    const card = this.body.querySelector<HTMLElement>(`[data-doc="${CSS.escape(session.docId)}"]`);
    if (!card) return;
    card.classList.add("found");
    card.tabIndex = -1;
    card.focus();
    card.scrollIntoView({ block: "center" });
  }

  private say(text: string, action?: HTMLElement): void {
    this.note.replaceChildren(text, ...(action ? [" ", action] : []));
    this.note.hidden = text === "";
  }
}
