// What the page knows of a conversation, and how it reads what the agent says. Pure: nothing that
// comes from outside is trusted to have a shape.

export interface Citation {
  readonly number: number;
  readonly docId: string;
  readonly title: string;
  readonly url: string;
}

export interface Sentence {
  readonly text: string;
  readonly verdict: "supported" | "unsupported";
  readonly shown: boolean;
  readonly reason: string;
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
}

export interface AnswerFacts {
  readonly model: string;
  readonly latencyMs: number | null;
  readonly promptTokens: number | null;
  readonly completionTokens: number | null;
  readonly grounding: Grounding | null;
  readonly sources: readonly Source[];
}

export interface Message {
  role: "user" | "assistant";
  text: string;
  time: string;
  state: "done" | "running" | "stopped" | "failed";
  error?: string;
  facts?: AnswerFacts;
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

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
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

function readSentence(value: unknown): Sentence {
  const from = bag(value);
  return {
    text: text(from["text"]),
    verdict: from["verdict"] === "supported" ? "supported" : "unsupported",
    shown: from["shown"] === true,
    reason: text(from["reason"]),
  };
}

function readSource(value: unknown): Source {
  const from = bag(value);
  const metadata = Object.entries(bag(from["metadata"]))
    .filter(([, entry]) => ["string", "number", "boolean"].includes(typeof entry) && entry !== "")
    .map(([name, entry]) => [name, String(entry)] as const);
  return { docId: text(from["doc_id"]), text: text(from["text"]), metadata };
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
