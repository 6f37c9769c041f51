// The page: kinds on the left, one of them in the middle, drawn anew every two seconds.
import { button, byId, el } from "../../src/dom";
import { askJson, Refused } from "./api";
import { grid, openDetail } from "./detail";
import { Kind, KINDS, matches, parseTable, tone } from "./model";
import { overview } from "./overview";

const LIVE_MS = 2000;
const nav = byId("kinds", HTMLElement);
const state = byId("state", HTMLParagraphElement);
const title = byId("title", HTMLHeadingElement);
const view = byId("view", HTMLDivElement);
const filter = byId("filter", HTMLInputElement);

let current: Kind | null = null; // None: the overview.
let turn = 0;
let timer = 0;

async function tableOf(kind: Kind): Promise<Node> {
  const table = parseTable(await askJson("table", { path: kind.path }));
  const rows = table.rows.filter((row) => matches(row, filter.value));
  if (rows.length === 0) return el("p", {}, filter.value === "" ? "There are none." : "None matches the filter.");
  const name = table.columns.indexOf("Name");
  const cells = rows.map((row) => {
    const own = row.cells.map((cell, at): Node | string =>
      at === Math.max(0, name)
        ? el("td", {}, button(cell, () => openDetail(kind, row)))
        : el("td", { class: tone(cell) || undefined }, cell));
    return kind.namespaced ? [row.ns, ...own] : own;
  });
  return grid(kind.label, kind.namespaced ? ["Namespace", ...table.columns] : table.columns, cells);
}

/** Where the keyboard is stays where it is when the rows are drawn anew. */
function replace(node: Node): void {
  const focused = document.activeElement;
  const label = focused instanceof HTMLButtonElement && view.contains(focused) ? focused.textContent : null;
  const scrolled = view.querySelector(".scroll")?.scrollLeft ?? 0;
  view.replaceChildren(node);
  view.querySelector(".scroll")?.scrollTo(scrolled, 0);
  if (label === null) return;
  const again = [...view.querySelectorAll("button")].find((each) => each.textContent === label);
  again?.focus({ preventScroll: true });
}

async function draw(): Promise<void> {
  const mine = ++turn;
  window.clearTimeout(timer);
  try {
    const node = current === null ? await overview() : await tableOf(current);
    if (mine !== turn) return;
    replace(node);
    state.textContent = "Live";
    state.className = "";
  } catch (error) {
    if (mine !== turn) return;
    const absent = error instanceof Refused && error.status === 404;
    if (absent) view.replaceChildren(el("p", {}, "This server does not have that kind."));
    state.textContent = absent ? "Live" : `Not connected: ${error instanceof Error ? error.message : String(error)}`;
    state.className = absent ? "" : "failed";
  }
  timer = window.setTimeout(() => {
    if (document.visibilityState === "visible") void draw();
  }, LIVE_MS);
}

function select(kind: Kind | null): void {
  current = kind;
  title.textContent = kind?.label ?? "Overview";
  for (const each of nav.querySelectorAll("button")) {
    if (each.textContent === (kind?.label ?? "Overview")) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  view.replaceChildren(el("p", {}, "Loading"));
  void draw();
}

function start(): void {
  nav.append(button("Overview", () => select(null)));
  for (const group of new Set(KINDS.map((kind) => kind.group))) {
    nav.append(el("h2", {}, group));
    for (const kind of KINDS.filter((each) => each.group === group)) {
      nav.append(button(kind.label, () => select(kind)));
    }
  }
  filter.addEventListener("input", () => void draw());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void draw();
  });
  select(null);
}

start();
