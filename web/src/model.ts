// What the page knows of a conversation, and how it reads what the agent says. Pure: nothing that
// comes from outside is trusted to have a shape.
import { sessionOfSource, type Session } from "./timetable";

export interface Citation {
  readonly number: number;
  readonly docId: string;
  readonly title: string;
  readonly url: string;
}

export interface Sentence {
  readonly text: string;
  readonly verdict: "supported" | "partly" | "unsupported";
  /** "partly": what was cut off; `text` is the rest. */
  readonly dropped: string;
  readonly shown: boolean;
  readonly reason: string;
  readonly spans: readonly Span[];
}

/** Where a document says it: [start, end) of its text, in Unicode code points. */
export interface Span {
  readonly docId: string;
  readonly start: number;
  readonly end: number;
}

export interface Grounding {
  readonly mode: string;
  readonly sufficiency: number | null;
  readonly question: string;
  readonly citations: readonly Citation[];
  readonly sentences: readonly Sentence[];
}

export interface Source {
  readonly docId: string;
  readonly text: string;
  readonly metadata: ReadonlyArray<readonly [name: string, value: string]>;
  readonly session: Session | null;
}

export interface AnswerFacts {
  readonly model: string;
  readonly latencyMs: number | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly grounding: Grounding | null;
  readonly sources: readonly Source[];
  /** False: the history could not take the answer yet. */
  readonly saved: boolean;
}

/** What the model says without sources, beside an answer with them. */
export interface BareAnswer {
  text: string;
  model: string;
  latencyMs: number | null;
  error: string;
}

export interface Message {
  role: "user" | "assistant";
  text: string;
  time: string;
  state: "done" | "running" | "stopped" | "failed";
  error?: string;
  facts?: AnswerFacts;
  /** Under which the servers record this answer, if they do; of answers that this page asked for. */
  traceId?: string;
  bare?: BareAnswer;
  /** Of a running answer: the model answers from memory alone. */
  direct?: boolean;
}

export interface SessionInfo {
  readonly id: string;
  readonly title: string;
  readonly updated: string;
}

type Bag = Readonly<Record<string, unknown>>;

export function bag(value: unknown): Bag {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Bag) : {};
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function readFacts(value: unknown): AnswerFacts {
  const from = bag(value);
  const usage = bag(from["usage"]);
  return {
    model: text(from["substituted_model"]) || text(from["model"]),
    latencyMs: number(from["latency_ms"]),
    promptTokens: number(usage["prompt_tokens"]),
    completionTokens: number(usage["completion_tokens"]),
    grounding: readGrounding(from["grounding"]),
    sources: list(from["sources"]).map(readSource),
    saved: from["saved"] !== false,
  };
}

function readGrounding(value: unknown): Grounding | null {
  const from = bag(value);
  if (text(from["mode"]) === "") return null;
  return {
    mode: text(from["mode"]),
    sufficiency: number(from["sufficiency"]),
    question: text(from["question"]),
    citations: list(from["citations"]).map(readCitation),
    sentences: list(from["sentences"]).map(readSentence),
  };
}

function readCitation(value: unknown): Citation {
  const from = bag(value);
  return {
    number: number(from["number"]) ?? 0,
    docId: text(from["doc_id"]),
    title: text(from["title"]),
    url: text(from["url"]),
  };
}

function readVerdict(value: unknown): Sentence["verdict"] {
  return value === "supported" || value === "partly" ? value : "unsupported";
}

function readSentence(value: unknown): Sentence {
  const from = bag(value);
  return {
    text: text(from["text"]),
    verdict: readVerdict(from["verdict"]),
    dropped: text(from["dropped"]),
    shown: from["shown"] === true,
    reason: text(from["reason"]),
    spans: list(from["spans"]).map(readSpan).filter((span): span is Span => span !== null),
  };
}

function readSpan(value: unknown): Span | null {
  const from = bag(value);
  const docId = text(from["doc_id"]) || text(from["document"]);
  const [start, end] = [number(from["start"]), number(from["end"])];
  if (docId === "" || start === null || end === null || start < 0 || end <= start) return null;
  return { docId, start, end };
}

/** Null: this answer had no other beside it. */
export function readBare(value: unknown): BareAnswer | null {
  const from = bag(value);
  if (typeof from["message"] !== "string") return null;
  const failed = text(from["error"]) || text(from["error_code"]);
  return { text: text(from["message"]), model: text(from["model"]), latencyMs: number(from["latency_ms"]), error: failed };
}

function readSource(value: unknown): Source {
  const from = bag(value);
  const metadata = Object.entries(bag(from["metadata"]))
    .filter(([, entry]) => ["string", "number", "boolean"].includes(typeof entry) && entry !== "")
    .map(([name, entry]) => [name, String(entry)] as const);
  return { docId: text(from["doc_id"]), text: text(from["text"]), metadata, session: sessionOfSource(value) };
}

/** Of GET /api/sessions/{id} or /api/chat/history/{id}. */
export function readMessages(value: unknown): Message[] {
  const messages = list(bag(value)["messages"]).map(readMessage);
  const last = messages[messages.length - 1];
  if (last?.role === "user") last.state = "failed"; // It has no answer; it can be asked again.
  return messages;
}

function readMessage(value: unknown): Message {
  const from = bag(value);
  const role = from["role"] === "user" ? "user" : "assistant";
  const message: Message = {
    role,
    text: text(from["content"]),
    time: text(from["timestamp"]),
    state: from["stopped"] === true ? "stopped" : "done",
  };
  if (role === "assistant") message.facts = readFacts(from);
  const bare = readBare(from["bare"]);
  if (bare) message.bare = bare;
  return message;
}

export function readSessions(value: unknown): SessionInfo[] {
  return list(bag(value)["sessions"]).map((entry) => {
    const from = bag(entry);
    return { id: text(from["id"]), title: text(from["title"]), updated: text(from["updated"]) };
  });
}

/** What a reader is told about a refusal: plain words first, then the error, if it is text. */
export function readError(value: unknown, otherwise: string): string {
  const from = bag(value);
  return text(from["message"]) || text(from["error"]) || text(from["detail"]) || otherwise;
}

export type Badge = "sources" | "checked" | "silent" | "unverified" | null;

/** The cited sessions, in the order of their citations, each once. */
export function sessionsOf(facts: AnswerFacts | undefined): Session[] {
  const cited = facts?.grounding?.citations.map((citation) => citation.docId) ?? [];
  const found = new Map<string, Session>();
  for (const docId of cited) {
    const session = facts?.sources.find((source) => source.docId === docId)?.session;
    if (session) found.set(docId, session);
  }
  return [...found.values()];
}

/** Where the shown sentences have their words in a document; empty: nobody told. */
export function spansIn(facts: AnswerFacts, docId: string): Span[] {
  const shown = facts.grounding?.sentences.filter((sentence) => sentence.shown) ?? [];
  return shown.flatMap((sentence) => sentence.spans.filter((span) => span.docId === docId));
}

/** How much a reader may trust an answer, at a glance. */
export function badgeOf(facts: AnswerFacts | undefined): Badge {
  switch (facts?.grounding?.mode) {
    case "composed":
    case "fallback":
      return "sources";
    case "model":
      return "checked";
    case "abstained":
      return "silent";
    case undefined:
      return facts && facts.model !== "" ? "unverified" : null;
    default:
      return "unverified";
  }
}

/**
 * What [number] stands for: the sentences back to the mark before, in the same line. All of the
 * answer, if it has no such mark.
 */
export function sentencesCiting(answer: string, number: number): string {
  const found: string[] = [];
  for (const line of answer.split("\n")) {
    let open: string[] = []; // Not marked yet.
    for (const sentence of line.split(/(?<=[.!?\]])\s+(?!\[\d)/)) {
      open.push(sentence);
      if (sentence.includes(`[${number}]`)) found.push(...open);
      if (/\[\d{1,3}\]/.test(sentence)) open = [];
    }
  }
  return found.length > 0 ? found.join(" ") : answer;
}
