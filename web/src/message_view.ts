// One message as an element: text, trust, actions, details.
import { describeModel } from "./api";
import { showColumns } from "./compare_view";
import { button, el } from "./dom";
import { showMarkdown } from "./markdown_view";
import { badgeOf, sessionsOf, type AnswerFacts, type Badge, type Message } from "./model";
import { showSession, type CardActions } from "./session_card";
import { showSource } from "./source_panel";
import { fill, t } from "./texts";

export interface MessageActions {
  retry: () => void;
  edit: (text: string) => void;
}

const CARDS_SHOWN = 4;

/** `actions`: null where the conversation went on. */
export function showMessage(message: Message, actions: MessageActions | null, cards: CardActions): HTMLElement {
  const answer = message.role === "assistant";
  const article = el(
    "article",
    { class: `message ${message.role}`, "aria-label": answer ? t.assistant : t.you },
    el("h2", { class: "who" }, answer ? t.assistant : t.you),
    answer ? showAnswer(message) : el("div", { class: "text plain" }, message.text),
    answer && message.state !== "running" && showSessions(message, cards),
    showState(message, actions),
    showFooter(message, actions),
  );
  if (message.state === "running") article.setAttribute("aria-busy", "true");
  return article;
}

function showAnswer(message: Message): HTMLElement {
  const grounded = showGrounded(message);
  return message.bare ? showColumns(message.bare, message.state === "running", grounded) : grounded;
}

function showGrounded(message: Message): HTMLElement {
  if (message.state === "running" && message.text === "") {
    return el("p", { class: "thinking" }, message.direct ? t.thinkingBare : t.thinking);
  }
  const facts = message.facts;
  const badge = message.state === "running" ? null : badgeOf(facts);
  return el(
    "div",
    { class: "text" },
    badge && el("p", { class: `badge ${badge}` }, wordsOf(badge)),
    ...showMarkdown(message.text, (number) => chipOf(message.text, facts, number)),
  );
}

function wordsOf(badge: NonNullable<Badge>): string {
  const words = { sources: t.badgeSources, checked: t.badgeChecked, silent: t.badgeSilent, unverified: t.badgeUnverified };
  return words[badge];
}

function showSessions(message: Message, cards: CardActions): HTMLElement | null {
  const all = sessionsOf(message.facts).map((session) => showSession(session, cards));
  if (all.length === 0) return null;
  const list = el("ul", { class: "cards" }, ...all.slice(0, CARDS_SHOWN));
  const rest = all.slice(CARDS_SHOWN);
  const more = button(fill(t.moreSessions, { count: rest.length }), () => {
    list.append(...rest);
    more.remove();
    rest[0]?.querySelector<HTMLElement>("a, button")?.focus();
  });
  const head = el("h3", { class: "for-ears" }, t.sessionsOfAnswer);
  return el("div", { class: "sessions-of-answer" }, head, list, rest.length > 0 && more);
}

function chipOf(answer: string, facts: AnswerFacts | undefined, number: number): HTMLElement | null {
  const citation = facts?.grounding?.citations.find((candidate) => candidate.number === number);
  if (!facts || !citation) return facts ? null : el("span", { class: "chip" }, String(number));
  const label = fill(t.openSource, { number, title: citation.title || citation.docId });
  const open = (): void => showSource(answer, facts, citation);
  return button(`✓ ${number}`, open, { class: "chip", "aria-label": label, title: label });
}

function showState(message: Message, actions: MessageActions | null): HTMLElement | null {
  const words: string | undefined =
    message.error ??
    (message.state === "stopped" ? t.stopped : message.state === "failed" ? t.noAnswer : undefined) ??
    (message.facts?.saved === false ? t.notSaved : undefined);
  if (words === undefined) return null;
  return el(
    "p",
    { class: message.state === "failed" ? "state failed" : "state" },
    words,
    " ",
    actions && message.state !== "done" && button(t.retry, actions.retry, { class: "retry" }),
  );
}

function showFooter(message: Message, actions: MessageActions | null): HTMLElement | null {
  if (message.state === "running") return null;
  const time = new Date(message.time);
  const shown = Number.isNaN(time.valueOf())
    ? null
    : el("time", { datetime: time.toISOString(), title: time.toLocaleString() }, clockOf(time));
  const footer = el("footer", {}, shown);
  if (message.role === "user") {
    if (actions) footer.append(button(t.edit, () => actions.edit(message.text)));
    return footer;
  }
  const copy = button(t.copy, () => {
    navigator.clipboard.writeText(message.text).then(
      () => (copy.textContent = t.copied),
      () => (copy.textContent = t.copyFailed),
    );
  });
  footer.append(copy);
  if (message.facts?.model || message.facts?.grounding) footer.append(showDetails(message.facts, message.traceId));
  return footer;
}

function clockOf(time: Date): string {
  return time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function showDetails(facts: AnswerFacts, traceId?: string): HTMLElement {
  const rows: Array<readonly [string, string]> = [
    [t.model, facts.model || t.unknown],
    [t.latency, facts.latencyMs === null ? t.unknown : `${(facts.latencyMs / 1000).toFixed(2)} s`],
    [t.tokens, fill(t.tokensOf, { prompt: counted(facts.promptTokens), completion: counted(facts.completionTokens) })],
  ];
  const grounding = facts.grounding;
  if (grounding) {
    rows.push([t.how, grounding.mode]);
    if (grounding.question) rows.push([t.searched, grounding.question]);
    if (grounding.sufficiency !== null) {
      rows.push([t.sufficiency, `${Math.round(grounding.sufficiency * 100)} %`]);
    }
  }
  if (traceId !== undefined) rows.push([t.trace, traceId]);
  const told = el("dl", {}, ...rows.flatMap(showRow));
  return el(
    "details",
    { on: { toggle: () => void addModelFacts(told, facts.model) } },
    el("summary", {}, t.details),
    told,
    grounding && grounding.sentences.length > 0 && showVerdicts(grounding.sentences),
  );
}

function showRow([name, value]: readonly [string, string]): HTMLElement[] {
  return [el("dt", {}, name), el("dd", {}, value)];
}

// Once, when somebody looks: whether the model stands in for another.
async function addModelFacts(told: HTMLElement, model: string): Promise<void> {
  if (told.dataset["model"] !== undefined || model === "") return;
  told.dataset["model"] = model;
  const about = await describeModel(model).catch(() => []);
  told.append(...about.flatMap(showRow));
}

function showVerdicts(sentences: NonNullable<AnswerFacts["grounding"]>["sentences"]): HTMLElement {
  const items = sentences.map((sentence) => {
    const supported = sentence.verdict !== "unsupported";
    const verdict = supported ? `✓ ${t[sentence.verdict]}` : `✗ ${t.unsupported}`;
    const dropped = sentence.dropped ? ` “${sentence.dropped}”` : "";
    const hidden = sentence.shown ? "" : `, ${t.notShown}`;
    const reason = sentence.reason ? `: ${sentence.reason}` : "";
    return el(
      "li",
      { class: supported ? "supported" : "unsupported" },
      sentence.text,
      " ",
      el("strong", {}, `${verdict}${dropped}${hidden}${reason}`),
    );
  });
  return el("div", {}, el("h3", {}, t.verdicts), el("ul", {}, ...items));
}

function counted(tokens: number | null): string {
  return tokens === null ? t.unknown : tokens.toLocaleString();
}
