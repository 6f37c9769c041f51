// One object: its conditions, its YAML, its events, and of a pod its logs and metrics.
import { button, byId, el } from "../../src/dom";
import { askJson, askText } from "./api";
import { Kind, objectPath, parseFacts, parseMetrics, parseTable, Row, Sample, tone } from "./model";

const dialog = byId("detail", HTMLDialogElement);
const title = byId("detail-title", HTMLHeadingElement);
const body = byId("detail-body", HTMLDivElement);
const LIVE_MS = 2000;

let shown = 0; // Which object: late answers for another are dropped.

function plural(kind: Kind): string {
  return kind.label.replace(/s$/, "");
}

export function grid(caption: string, columns: readonly string[], rows: readonly (readonly (Node | string)[])[]): HTMLElement {
  const head = el("tr", {}, ...columns.map((each) => el("th", { scope: "col" }, each)));
  const lines = rows.map((cells) =>
    el("tr", {}, ...cells.map((cell) =>
      cell instanceof HTMLTableCellElement ? cell : el("td", typeof cell === "string" ? { class: tone(cell) || undefined } : {}, cell))));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption", {}, caption), el("thead", {}, head), el("tbody", {}, ...lines)));
}

function textBlock(label: string, content: string): HTMLElement {
  return el("pre", { tabindex: 0, role: "region", "aria-label": label }, content === "" ? "(empty)" : content);
}

async function conditions(path: string): Promise<Node> {
  const found = parseFacts(await askJson("facts", { path })).conditions;
  if (found.length === 0) return el("p", {}, "It has no conditions.");
  return grid("Conditions", ["Type", "Status", "Reason", "Message"],
    found.map((each) => [each.type, each.status, each.reason, each.message]));
}

async function events(row: Row): Promise<Node> {
  const path = row.ns === "" ? "/api/v1/events" : `/api/v1/namespaces/${row.ns}/events`;
  const table = parseTable(await askJson("table", { path }));
  const subject = table.columns.indexOf("Object");
  const own = table.rows.filter((each) => each.cells[subject]?.endsWith(`/${row.name}`));
  if (own.length === 0) return el("p", {}, "Nothing was reported of it.");
  return grid("Events", table.columns, own.map((each) => each.cells));
}

async function logs(path: string): Promise<Node> {
  const names = parseFacts(await askJson("facts", { path })).containers;
  const output = el("div", { "aria-live": "off" });
  const show = async (container: string): Promise<void> => {
    const content = await askText("log", { path, container }).catch((error: Error) => error.message);
    output.replaceChildren(textBlock(`Log of ${container}`, content));
    output.firstElementChild?.scrollTo(0, Number.MAX_SAFE_INTEGER);
  };
  const tabs = names.map((name) => button(name, () => void show(name)));
  await show(names[0] ?? "");
  return el("div", {}, el("div", { class: "tabs", role: "group", "aria-label": "Containers" }, ...tabs), output);
}

/** Again every two seconds while it is looked at, with what changed a second. */
async function metrics(path: string, mine: number): Promise<Node> {
  const place = el("div", {});
  let before: { at: number; values: Map<string, number> } | null = null;
  const draw = (samples: readonly Sample[]): void => {
    const at = performance.now();
    const rows = samples.map((sample) => {
      const last = before?.values.get(sample.series);
      const rate = before && last !== undefined ? (sample.value - last) / ((at - before.at) / 1000) : null;
      return [sample.series, el("td", { class: "number" }, String(Number(sample.value.toPrecision(6)))),
        el("td", { class: "number" }, rate === null || rate === 0 ? "" : rate.toFixed(2))];
    });
    before = { at, values: new Map(samples.map((each) => [each.series, each.value])) };
    place.replaceChildren(grid("Metrics, as the pod tells them", ["Series", "Value", "Change a second"], rows));
  };
  const look = async (): Promise<void> => {
    draw(parseMetrics(await askText("metrics", { path })));
    window.setTimeout(() => {
      if (dialog.open && mine === shown && place.isConnected) void look().catch(() => undefined);
    }, LIVE_MS);
  };
  await look();
  return place;
}

export function openDetail(kind: Kind, row: Row): void {
  const path = objectPath(kind, row);
  title.textContent = `${plural(kind)} ${row.ns === "" ? "" : `${row.ns}/`}${row.name}`;
  const parts: [string, (mine: number) => Promise<Node>][] = [
    ["Conditions", () => conditions(path)],
    ["YAML", async () => textBlock("YAML", await askText("object", { path }))],
    ["Events", () => events(row)],
  ];
  if (kind.label === "pods") parts.push(["Logs", () => logs(path)], ["Metrics", (mine) => metrics(path, mine)]);
  const output = el("div", { "aria-live": "polite" });
  const tabs = parts.map(([name, load]) => button(name, () => select(name, load), { "aria-pressed": "false" }));
  const select = (name: string, load: (mine: number) => Promise<Node>): void => {
    const mine = ++shown;
    for (const tab of tabs) tab.setAttribute("aria-pressed", String(tab.textContent === name));
    output.replaceChildren(el("p", {}, "Loading"));
    load(mine).catch((error: Error) => el("p", { class: "bad" }, error.message)).then((node) => {
      if (mine === shown) output.replaceChildren(node);
    }, () => undefined);
  };
  body.replaceChildren(el("div", { class: "tabs", role: "group", "aria-label": "What to show" }, ...tabs), output);
  if (!dialog.open) dialog.showModal();
  tabs[0]?.click();
}

byId("detail-close", HTMLButtonElement).addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  shown++;
});
