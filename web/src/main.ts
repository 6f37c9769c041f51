// Puts the page together: conversation, composer, list, address.
import { ApiError } from "./api";
import { Chat, type Screen } from "./chat";
import { button, byId, el } from "./dom";
import { HistoryPanel } from "./history_panel";
import { showMessage } from "./message_view";
import type { Message } from "./model";
import { prepareSourcePanel } from "./source_panel";
import { t } from "./strings";
import { prepareTheme } from "./theme";

const FOLLOW_PX = 120;

const log = byId("log", HTMLElement);
const spoken = byId("spoken", HTMLElement);
const notice = byId("notice", HTMLElement);
const question = byId("question", HTMLTextAreaElement);
const send = byId("send", HTMLButtonElement);
const menu = byId("menu", HTMLButtonElement);
const panel = byId("conversations", HTMLElement);

let isRunning = false;

const screen: Screen = { draw, running, speak, started, finished };
const chat = new Chat(screen);
const conversations = new HistoryPanel({
  open: (id) => go(id),
  removed: (id) => {
    if (id === chat.sessionId) go("");
  },
});

// ---- drawing ----------------------------------------------------------------------------------

function draw(messages: readonly Message[], change: "all" | "last"): void {
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < FOLLOW_PX;
  const last = messages.length - 1;
  const show = (message: Message, at: number): HTMLElement =>
    showMessage(message, at >= last - 1 && !isRunning ? actionsFor(message, at === last) : null);
  if (messages.length === 0) log.replaceChildren(emptyState());
  else if (change === "all" || !log.lastElementChild) log.replaceChildren(...messages.map(show));
  else log.lastElementChild.replaceWith(show(messages[last] as Message, last));
  if (follows || change === "all") log.scrollTop = log.scrollHeight;
}

function actionsFor(message: Message, isLast: boolean): Parameters<typeof showMessage>[1] {
  if (message.role === "assistant" && !isLast) return null;
  return {
    retry: () => void chat.retry(),
    edit: (text) => {
      question.value = text;
      grow();
      question.focus();
    },
  };
}

function emptyState(): HTMLElement {
  const examples = t.examples.map((example) => el("li", {}, button(example, () => void chat.send(example))));
  return el("section", { class: "empty" }, el("h2", {}, t.emptyTitle), el("ul", {}, ...examples));
}

function running(now: boolean): void {
  isRunning = now;
  send.textContent = now ? t.stop : t.send;
  send.classList.toggle("stop", now);
}

function speak(text: string): void {
  spoken.append(el("p", {}, text.replace(/\s*\[\d{1,3}\]/g, "")));
  while (spoken.childElementCount > 50) spoken.firstElementChild?.remove();
}

function say(text: string, action?: HTMLElement): void {
  notice.replaceChildren(text, ...(action ? [" ", action] : []));
  notice.hidden = text === "";
}

// ---- where we are -----------------------------------------------------------------------------

function sessionOfAddress(): string {
  try {
    return decodeURIComponent(location.pathname.slice(1));
  } catch {
    return location.pathname.slice(1);
  }
}

function started(session: string): void {
  history.pushState(null, "", `/${encodeURIComponent(session)}`);
  conversations.mark(session);
}

function finished(): void {
  void conversations.refresh(chat.sessionId);
  if (document.activeElement === document.body) question.focus();
}

function go(session: string): void {
  history.pushState(null, "", session === "" ? "/" : `/${encodeURIComponent(session)}`);
  closeMenu();
  void open(session);
  question.focus();
}

async function open(session: string): Promise<void> {
  say(session === "" ? "" : t.loading);
  conversations.mark(session);
  try {
    await chat.open(session);
    sayConnection();
  } catch (error) {
    const words = error instanceof ApiError && error.status === 0 ? t.unreachable : t.loadFailed;
    say(words, button(t.tryAgain, () => void open(session)));
  }
}

function sayConnection(): void {
  say(navigator.onLine ? "" : t.offline);
}

// ---- asking -----------------------------------------------------------------------------------

function submit(): void {
  if (isRunning) return chat.stop();
  const text = question.value.trim();
  if (text === "") return question.focus();
  question.value = "";
  grow();
  void chat.send(text);
  question.focus();
}

function grow(): void {
  const lines = question.value.split("\n").length;
  question.rows = Math.min(8, Math.max(1, lines));
}

// ---- the list on small screens ----------------------------------------------------------------

function closeMenu(): void {
  panel.classList.remove("open");
  menu.setAttribute("aria-expanded", "false");
}

function toggleMenu(): void {
  const opened = panel.classList.toggle("open");
  menu.setAttribute("aria-expanded", String(opened));
  if (opened) byId("sessions-search", HTMLInputElement).focus();
}

function prepare(): void {
  prepareTheme();
  prepareSourcePanel();
  running(false);
  menu.addEventListener("click", toggleMenu);
  byId("new", HTMLButtonElement).addEventListener("click", () => go(""));
  byId("home", HTMLAnchorElement).addEventListener("click", (event) => {
    event.preventDefault();
    go("");
  });
  send.addEventListener("click", submit);
  question.addEventListener("input", grow);
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return; // Composing: Enter picks a word.
    event.preventDefault();
    if (!isRunning) submit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
    if (panel.classList.contains("open")) {
      closeMenu();
      menu.focus();
    } else if (isRunning) {
      chat.stop();
    }
  });
  window.addEventListener("online", sayConnection);
  window.addEventListener("offline", sayConnection);
  window.addEventListener("popstate", () => void open(sessionOfAddress()));
  void open(sessionOfAddress());
  void conversations.refresh(sessionOfAddress());
}

prepare();
