// One conversation: what is asked, what comes back, stop and retry. Draws through `Screen` only.
import { ApiError, ask, loadConversation, type Question } from "./api";
import type { Mode } from "./config";
import { bag, readBare, readError, readFacts, text, type Message } from "./model";
import { t } from "./texts";
import { newTrace } from "./trace";

export interface Screen {
  /** Everything, or the last message alone. */
  draw: (messages: readonly Message[], change: "all" | "last") => void;
  running: (running: boolean) => void;
  /** For those who hear the page. */
  speak: (text: string) => void;
  started: (session: string) => void;
  finished: () => void;
}

export class Chat {
  private messages: Message[] = [];
  private running: AbortController | null = null;
  private session = "";

  constructor(
    private readonly screen: Screen,
    private readonly mode: () => Mode,
  ) {}

  get sessionId(): string {
    return this.session;
  }

  /** Shows a conversation; "" is a new one. Fails as loadConversation() does. */
  async open(session: string): Promise<void> {
    this.leave();
    this.session = session;
    this.messages = [];
    this.screen.draw(this.messages, "all");
    if (session === "") return;
    const messages = await loadConversation(session);
    if (this.session !== session || this.running) return; // The reader went on meanwhile.
    this.messages = messages;
    this.screen.draw(this.messages, "all");
  }

  async send(text: string): Promise<void> {
    if (this.running) return;
    this.add({ role: "user", text, time: now(), state: "done" });
    await this.run({ message: text });
  }

  /** Asks the last question again. */
  async retry(): Promise<void> {
    const question = this.lastQuestion();
    if (this.running || !question) return;
    question.state = "done";
    delete question.error;
    const last = this.messages[this.messages.length - 1];
    const kept = last?.state === "stopped"; // What was read stays; the question comes once more.
    if (kept) return this.send(question.text);
    if (last && last !== question) this.messages.pop();
    this.screen.draw(this.messages, "all");
    await this.run({ retry: true }, question.text);
  }

  stop(): void {
    this.running?.abort();
  }

  private leave(): void {
    const running = this.running;
    this.running = null;
    running?.abort();
    this.screen.running(false);
  }

  private async run(question: Question, again?: string): Promise<void> {
    const control = new AbortController();
    const answer: Message = { role: "assistant", text: "", time: now(), state: "running" };
    const mode = this.mode();
    if (mode === "direct") answer.direct = true;
    if (mode === "compare") answer.bare = { text: "", model: "", latencyMs: null, error: "" };
    this.running = control;
    this.screen.running(true);
    this.add(answer);
    try {
      await this.listen({ ...question, mode, ...(this.session ? { sessionId: this.session } : {}) }, answer, control);
    } catch (error) {
      if (this.running !== control) return;
      const answered = error instanceof ApiError && error.status === 409;
      if (answered && again !== undefined) {
        this.messages.pop();
        return await this.run({ message: again });
      }
      this.fail(answer, error, control.signal.aborted);
    }
    if (this.running !== control) return;
    this.running = null;
    this.screen.running(false);
    this.screen.draw(this.messages, "all");
    this.screen.finished();
  }

  private async listen(question: Question, answer: Message, control: AbortController): Promise<void> {
    const trace = newTrace();
    for await (const { event, data } of ask(question, control.signal, trace)) {
      if (this.running !== control) return;
      const body = bag(JSON.parse(data));
      if (event === "session") this.begin(body["session_id"]);
      if (event === "delta" && typeof body["text"] === "string") {
        answer.text += body["text"];
        this.screen.speak(body["text"]);
        this.screen.draw(this.messages, "last");
      }
      if (event === "bare" && answer.bare) {
        answer.bare.text += text(body["text"]);
        this.screen.draw(this.messages, "last");
      }
      if (event === "error") throw errorOf(body);
      if (event === "done") {
        if (answer.text === "") this.screen.speak(String(body["message"] ?? ""));
        if (typeof body["message"] === "string") answer.text = body["message"];
        answer.facts = readFacts(body);
        answer.traceId = trace.id;
        const bare = readBare(body["bare"]);
        if (bare) answer.bare = bare;
        answer.state = "done";
        this.screen.speak(t.answerDone);
      }
    }
    if (answer.state === "running") throw new ApiError(0, t.brokeOff);
  }

  private begin(session: unknown): void {
    if (typeof session !== "string" || session === this.session) return;
    this.session = session;
    this.screen.started(session);
  }

  private fail(answer: Message, error: unknown, stopped: boolean): void {
    if (stopped) {
      answer.state = "stopped";
      if (answer.text === "") this.lose(t.stopped);
      return;
    }
    const words = error instanceof ApiError ? error.message : t.brokeOff;
    if (answer.text === "" && !answer.bare?.text) return this.lose(words);
    answer.state = "failed";
    answer.error = words;
    this.screen.speak(words);
  }

  // No word came: the question stays, and says why there is no answer.
  private lose(words: string): void {
    this.messages.pop();
    const question = this.lastQuestion();
    if (!question) return;
    question.state = "failed";
    question.error = words;
    this.screen.speak(words);
  }

  private add(message: Message): void {
    this.messages.push(message);
    this.screen.draw(this.messages, "all");
  }

  private lastQuestion(): Message | undefined {
    return [...this.messages].reverse().find((message) => message.role === "user");
  }
}

// The one refusal that asking anew answers: there is no question to ask again.
function errorOf(body: ReturnType<typeof bag>): ApiError {
  const status = body["error_code"] === "FAILED_PRECONDITION" ? 409 : 500;
  return new ApiError(status, readError(body, t.failed));
}

function now(): string {
  return new Date().toISOString();
}
