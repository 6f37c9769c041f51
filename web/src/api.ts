// The requests of the page, all to where it came from.
import { bag, list, readError, readMessages, text, readSessions, type Message, type SessionInfo } from "./model";
import { SseParser, type ServerEvent } from "./sse";
import { t } from "./texts";
import { readSchedule, type Session } from "./timetable";
import { newTrace, type Trace } from "./trace";

/** A refusal, in words for a reader. `status` 0: nobody answered. */
export class ApiError extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

export interface Question {
  readonly message?: string;
  readonly retry?: boolean;
  readonly sessionId?: string;
  readonly mode?: string;
}

export async function request(path: string, init: RequestInit = {}, trace = newTrace()): Promise<Response> {
  let response: Response;
  const headers = new Headers(init.headers);
  headers.set("traceparent", trace.parent);
  try {
    response = await fetch(path, { credentials: "same-origin", ...init, headers });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, t.unreachable);
  }
  if (response.ok) return response;
  const body: unknown = await response.json().catch(() => null);
  throw new ApiError(response.status, readError(body, t.failed));
}

export function jsonBody(method: string, body: unknown): RequestInit {
  return { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
}

/** The events of an answer as they come. An agent without streams answers with one "done". */
export async function* ask(
  question: Question,
  signal: AbortSignal,
  trace: Trace,
): AsyncIterableIterator<ServerEvent> {
  const init = { ...jsonBody("POST", question), signal };
  let response: Response;
  try {
    response = await request("/api/chat/stream", init, trace);
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 404 && error.status !== 405)) throw error;
    yield* askWhole(init, trace);
    return;
  }
  const reader = response.body?.getReader();
  if (!reader) throw new ApiError(0, t.brokeOff);
  const decoder = new TextDecoder();
  const parser = new SseParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* parser.feed(decoder.decode(value, { stream: true }));
  }
}

async function* askWhole(init: RequestInit, trace: Trace): AsyncIterableIterator<ServerEvent> {
  const answer = bag(await (await request("/api/chat", init, trace)).json());
  yield { event: "session", data: JSON.stringify({ session_id: answer["sessionId"] }) };
  yield { event: "done", data: JSON.stringify({ message: answer["message"] }) };
}

/** With all that is known of each answer, if the agent keeps that; else the plain history. */
export async function loadConversation(id: string): Promise<Message[]> {
  const session = encodeURIComponent(id);
  try {
    return readMessages(await (await request(`/api/sessions/${session}`)).json());
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    return readMessages(await (await request(`/api/chat/history/${session}`)).json());
  }
}

export async function listSessions(): Promise<SessionInfo[]> {
  return readSessions(await (await request("/api/sessions?limit=500")).json());
}

export async function renameSession(id: string, title: string): Promise<void> {
  await request(`/api/sessions/${encodeURIComponent(id)}`, jsonBody("PATCH", { title }));
}

export async function deleteSession(id: string): Promise<void> {
  await request(`/api/sessions/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** Of the conference; fails with status 404 where there is none. */
export async function loadSchedule(): Promise<Session[]> {
  return readSchedule(await (await request("/api/schedule")).json());
}

/** Of these documents; of all sessions, if there are none. */
export function calendarUrl(docIds: readonly string[]): string {
  const query = docIds.map((docId) => `doc=${encodeURIComponent(docId)}`).join("&");
  return query === "" ? "/api/calendar" : `/api/calendar?${query}`;
}

/** What the server says of the model beside its name: a stand-in for another, for instance. */
export async function describeModel(id: string): Promise<Array<readonly [string, string]>> {
  const models = list(bag(await (await request("/api/models")).json())["data"]).map(bag);
  const tags = list(models.find((model) => text(model["id"]) === id)?.["tags"]).map(text);
  return tags.filter((tag) => tag !== "").map((tag) => ["note", tag] as const);
}

export function exportUrl(id: string): string {
  return `/api/sessions/${encodeURIComponent(id)}/export?format=markdown`;
}
