// Puts the page together: conversation, composer, list, address.
import { ApiError } from "./api";
import { Chat, type Screen } from "./chat";
import { loadConfig, type PageConfig } from "./config";
import { button, byId, el } from "./dom";
import { HistoryPanel } from "./history_panel";
import { showMessage } from "./message_view";
import { ModeSwitch } from "./mode_switch";
import type { Message } from "./model";
import type { CardActions } from "./session_card";
import { prepareSourcePanel } from "./source_panel";
import { t } from "./texts";
import { prepareTheme } from "./theme";
import { TimetableView } from "./timetable_view";

const FOLLOW_PX = 120;

const log = byId("log", HTMLElement);
const spoken = byId("spoken", HTMLElement);
const notice = byId("notice", HTMLElement);
const question = byId("question", HTMLTextAreaElement);
const send = byId("send", HTMLButtonElement);
const menu = byId("menu", HTMLButtonElement);
const panel = byId("conversations", HTMLElement);

const viewButton = byId("view", HTMLButtonElement);
const TIMETABLE = "#timetable";

let isRunning = false;
let modes: ModeSwitch;
let timetable: TimetableView;

const screen: Screen = { draw, running, speak, started, finished };
const chat = new Chat(screen, () => modes.mode);
const cards: CardActions = { ask, find: (session) => go(location.pathname, `${TIMETABLE}=${encodeURIComponent(session.docId)}`) };
const conversations = new HistoryPanel({
  open: (id) => goTo(id),
  removed: (id) => {
    if (id === chat.sessionId) goTo("");
  },
});

// ---- drawing ----------------------------------------------------------------------------------

function draw(messages: readonly Message[], change: "all" | "last"): void {
  const follows = log.scrollHeight - log.scrollTop - log.clientHeight < FOLLOW_PX;
  const last = messages.length - 1;
  const show = (message: Message, at: number): HTMLElement =>
    showMessage(message, at >= last - 1 && !isRunning ? actionsFor(message, at === last) : null, cards);
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
  const hint = el("p", { class: "quiet" }, t.emptyHint);
  return el("section", { class: "empty" }, el("h2", {}, t.emptyTitle), hint, el("ul", {}, ...examples));
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

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function sessionOfAddress(): string {
  return decoded(location.pathname.slice(1));
}

function started(session: string): void {
  history.pushState(null, "", `/${encodeURIComponent(session)}`);
  conversations.mark(session);
}

function finished(): void {
  void conversations.refresh(chat.sessionId);
  if (document.activeElement === document.body) question.focus();
}

/** A conversation; "" is a new one. */
function goTo(session: string): void {
  closeMenu();
  go(session === "" ? "/" : `/${encodeURIComponent(session)}`, "");
  void open(session);
  question.focus();
}

function go(path: string, hash: string): void {
  history.pushState(null, "", path + hash);
  showView();
}

// The timetable has an address of its own beside the conversation's: "#timetable", and with "=" a
// session in it.
function showView(): void {
  const shown = location.hash.startsWith(TIMETABLE);
  byId("chat", HTMLElement).hidden = shown;
  byId("timetable", HTMLElement).hidden = !shown;
  viewButton.textContent = shown ? t.chat : t.timetable;
  if (!shown) return;
  const docId = decoded(location.hash.slice(TIMETABLE.length + 1));
  if (docId === "") byId("timetable-title", HTMLElement).focus();
  void timetable.open(docId);
}

function ask(text: string): void {
  if (location.hash !== "") go(location.pathname, "");
  question.focus();
  void chat.send(text);
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

async function prepare(): Promise<void> {
  const config: PageConfig = await loadConfig();
  modes = new ModeSwitch(config.modes);
  timetable = new TimetableView({ ask }, config.timezone);
  byId("operator", HTMLAnchorElement).hidden = !config.operator;
  viewButton.hidden = config.index === "";
  prepareTheme();
  prepareSourcePanel();
  running(false);
  listen();
  showView();
  void open(sessionOfAddress());
  void conversations.refresh(sessionOfAddress());
}

function listen(): void {
  menu.addEventListener("click", toggleMenu);
  viewButton.addEventListener("click", () => {
    go(location.pathname, location.hash.startsWith(TIMETABLE) ? "" : TIMETABLE);
  });
  byId("new", HTMLButtonElement).addEventListener("click", () => goTo(""));
  byId("home", HTMLAnchorElement).addEventListener("click", (event) => {
    event.preventDefault();
    goTo("");
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
  window.addEventListener("popstate", () => {
    showView();
    if (sessionOfAddress() !== chat.sessionId) void open(sessionOfAddress());
  });
}

void prepare();
