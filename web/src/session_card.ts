// A session of the conference as a card: what, who, where, when, and what to do with it.
import { calendarUrl } from "./api";
import { button, el } from "./dom";
import { safeUrl } from "./markdown";
import { fill, t } from "./texts";
import { dayInWords, type Session } from "./timetable";

export interface CardActions {
  ask: (question: string) => void;
  /** Absent where the card is in the timetable already. */
  find?: (session: Session) => void;
}

export function showSession(session: Session, actions: CardActions): HTMLElement {
  const title = { title: session.title };
  const href = safeUrl(session.url);
  const name = href
    ? el("a", { href, target: "_blank", rel: "noopener noreferrer", title: fill(t.sessionPage, title) }, session.title)
    : session.title;
  const { find } = actions;
  return el(
    "li",
    { class: "session-card", "data-doc": session.docId },
    el("h4", {}, name),
    session.speakers.length > 0 && el("p", {}, session.speakers.join(", ")),
    el("p", { class: "where" }, ...whenAndWhere(session, find !== undefined)),
    el(
      "p",
      { class: "card-tools" },
      session.date !== "" && el("a", calendarLink(session), t.addToCalendar),
      button(t.askAbout, () => actions.ask(fill(t.askAboutQuestion, title)), { "aria-label": fill(t.askAboutOf, title) }),
      find &&
        session.date !== "" &&
        button(t.inTimetable, () => find(session), { "aria-label": fill(t.inTimetableOf, title) }),
    ),
  );
}

function calendarLink(session: Session): { [name: string]: string | boolean } {
  const label = fill(t.addToCalendarOf, { title: session.title });
  return { class: "as-button", href: calendarUrl([session.docId]), download: true, "aria-label": label };
}

// In the timetable the day is said above.
function whenAndWhere(session: Session, withDay: boolean): string[] {
  const hours = `${session.start}–${session.end}`;
  const when = session.date === "" ? t.noTime : withDay ? `${dayInWords(session.date)}, ${hours}` : hours;
  return session.location === "" ? [when] : [`${session.location} · ${when}`];
}
