// One message as an element: text, trust, actions, details.
import { button, el } from "./dom";
import { showMarkdown } from "./markdown_view";
import { badgeOf, type AnswerFacts, type Message } from "./model";
import { showSource } from "./source_panel";
import { t } from "./strings";

export interface MessageActions {
  retry: () => void;
  edit: (text: string) => void;
}

export function showMessage(message: Message, actions: MessageActions | null): HTMLElement {
  const answer = message.role === "assistant";
  const article = el(
    "article",
    { class: `message ${message.role}`, "aria-label": answer ? t.assistant : t.you },
    el("h2", { class: "who" }, answer ? t.assistant : t.you),
    answer ? showAnswer(message) : el("div", { class: "text plain" }, message.text),
    showState(message, actions),
    showFooter(message, actions),
  );
  if (message.state === "running") article.setAttribute("aria-busy", "true");
  return article;
}

function showAnswer(message: Message): HTMLElement {
  if (message.state === "running" && message.text === "") {
    return el("p", { class: "thinking" }, t.thinking);
  }
  const facts = message.facts;
  const badge = message.state === "running" ? null : badgeOf(facts);
  const body = el(
    "div",
    { class: "text" },
    badge && el("p", { class: `badge ${badge}` }, t.badges[badge]),
    ...showMarkdown(message.text, (number) => chipOf(message.text, facts, number)),
  );
  return body;
}

function chipOf(answer: string, facts: AnswerFacts | undefined, number: number): HTMLElement | null {
  const citation = facts?.grounding?.citations.find((candidate) => candidate.number === number);
  if (!facts || !citation) return facts ? null : el("span", { class: "chip" }, String(number));
  const label = t.openSource(number, citation.title || citation.docId);
  const open = (): void => showSource(answer, facts, citation);
  return button(`✓ ${number}`, open, { class: "chip", "aria-label": label, title: label });
}

function showState(message: Message, actions: MessageActions | null): HTMLElement | null {
  const words: string | undefined =
    message.error ??
    (message.state === "stopped" ? t.stopped : message.state === "failed" ? t.noAnswer : undefined);
  if (words === undefined) return null;
  return el(
    "p",
    { class: message.state === "failed" ? "state failed" : "state" },
    words,
    " ",
    actions && button(t.retry, actions.retry, { class: "retry" }),
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
  if (message.facts?.model || message.facts?.grounding) footer.append(showDetails(message.facts));
  return footer;
}

function clockOf(time: Date): string {
  return time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

function showDetails(facts: AnswerFacts): HTMLElement {
  const rows: Array<readonly [string, string]> = [
    [t.model, facts.model || t.unknown],
    [t.latency, facts.latencyMs === null ? t.unknown : `${(facts.latencyMs / 1000).toFixed(2)} s`],
    [t.tokens, t.tokensOf(counted(facts.promptTokens), counted(facts.completionTokens))],
  ];
  const grounding = facts.grounding;
  if (grounding) {
    rows.push([t.how, grounding.mode]);
    if (grounding.question) rows.push([t.searched, grounding.question]);
    if (grounding.sufficiency !== null) {
      rows.push([t.sufficiency, `${Math.round(grounding.sufficiency * 100)} %`]);
    }
  }
  return el(
    "details",
    {},
    el("summary", {}, t.details),
    el("dl", {}, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])),
    grounding && grounding.sentences.length > 0 && showVerdicts(grounding.sentences),
  );
}

function showVerdicts(sentences: NonNullable<AnswerFacts["grounding"]>["sentences"]): HTMLElement {
  const items = sentences.map((sentence) => {
    const supported = sentence.verdict === "supported";
    const verdict = supported ? `✓ ${t.supported}` : `✗ ${t.unsupported}`;
    const hidden = sentence.shown ? "" : `, ${t.notShown}`;
    const reason = sentence.reason ? `: ${sentence.reason}` : "";
    return el(
      "li",
      { class: supported ? "supported" : "unsupported" },
      sentence.text,
      " ",
      el("strong", {}, `${verdict}${hidden}${reason}`),
    );
  });
  return el("div", {}, el("h3", {}, t.verdicts), el("ul", {}, ...items));
}

function counted(tokens: number | null): string {
  return tokens === null ? t.unknown : tokens.toLocaleString();
}
