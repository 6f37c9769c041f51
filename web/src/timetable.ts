// Sessions of a conference, by day and hour. Pure.
import { bag, list, text } from "./model";

export interface Session {
  readonly docId: string;
  readonly title: string;
  readonly speakers: readonly string[];
  readonly location: string;
  readonly url: string;
  readonly topic: string;
  readonly audience: string;
  readonly date: string; // "2026-03-05", or "" where no time is given; then the others are "", too.
  readonly start: string; // "10:00"
  readonly end: string;
}

export interface Slot {
  readonly start: string;
  readonly sessions: readonly Session[]; // By room.
}

/** Of GET /api/schedule. */
export function readSchedule(value: unknown): Session[] {
  return list(bag(value)["sessions"]).map(readSession).filter((session) => session.title !== "");
}

function readSession(value: unknown): Session {
  const from = bag(value);
  return {
    docId: text(from["doc_id"]),
    title: text(from["title"]),
    speakers: list(from["speakers"]).map(nameOf).filter((name) => name !== ""),
    location: text(from["location"]),
    url: text(from["url"]),
    topic: text(from["topic"]),
    audience: text(from["audience"]),
    ...timesOf(text(from["date"]), text(from["start"]), text(from["end"])),
  };
}

/** Of a source of an answer: {"doc_id","metadata":{...}}. Null: it is no session. */
export function sessionOfSource(value: unknown): Session | null {
  const from = bag(value);
  const metadata = bag(from["metadata"]);
  if (metadata["start"] === undefined && metadata["speakers"] === undefined) return null;
  const session = readSession({ ...metadata, doc_id: from["doc_id"] });
  return session.title === "" ? null : session;
}

function nameOf(speaker: unknown): string {
  return typeof speaker === "string" ? speaker : text(bag(speaker)["name"]);
}

function timesOf(date: string, start: string, end: string): Pick<Session, "date" | "start" | "end"> {
  const american = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/.exec(date);
  const day = american
    ? `${american[3]}-${(american[1] ?? "").padStart(2, "0")}-${(american[2] ?? "").padStart(2, "0")}`
    : date;
  const known = /^\d{4}-\d{2}-\d{2}$/.test(day) && /^\d{1,2}:\d{2}$/.test(start);
  return known ? { date: day, start: start.padStart(5, "0"), end: end.padStart(5, "0") } : { date: "", start: "", end: "" };
}

export function daysOf(sessions: readonly Session[]): string[] {
  return [...new Set(sessions.map((session) => session.date).filter((date) => date !== ""))].sort();
}

export function roomsOf(sessions: readonly Session[]): string[] {
  const rooms = new Set(sessions.map((session) => session.location).filter((room) => room !== ""));
  return [...rooms].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
}

export function slotsOf(sessions: readonly Session[], day: string): Slot[] {
  const slots = new Map<string, Session[]>();
  for (const session of sessions.filter((candidate) => candidate.date === day)) {
    slots.set(session.start, [...(slots.get(session.start) ?? []), session]);
  }
  const byRoom = (a: Session, b: Session): number => a.location.localeCompare(b.location, undefined, { numeric: true });
  return [...slots.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([start, all]) => ({ start, sessions: all.sort(byRoom) }));
}

/** Every word of `wanted` in title, speakers, topic, audience or room. */
export function matching(sessions: readonly Session[], wanted: string, room: string): Session[] {
  const words = wanted.toLowerCase().split(/\s+/).filter((word) => word !== "");
  return sessions.filter((session) => {
    if (room !== "" && session.location !== room) return false;
    const told = [session.title, ...session.speakers, session.topic, session.audience, session.location].join(" ").toLowerCase();
    return words.every((word) => told.includes(word));
  });
}

/** "Thursday, March 5" in the reader's language. */
export function dayInWords(date: string, language?: string): string {
  const day = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(day.valueOf())) return date;
  return day.toLocaleDateString(language, { weekday: "long", month: "long", day: "numeric", timeZone: "UTC" });
}
