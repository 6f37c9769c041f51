// The first view: how many pods run, what they use, which endpoints there are.
import { el } from "../../src/dom";
import { askJson } from "./api";
import { grid } from "./detail";
import { bytes, cores, parseTable, parseUsage, Table, Usage } from "./model";

let last: Usage | null = null;

function card(label: string, value: string): HTMLElement {
  return el("div", { class: "card" }, el("dt", {}, label), el("dd", {}, value));
}

function column(table: Table, name: string): number {
  return table.columns.indexOf(name);
}

function cards(pods: Table, usage: Usage): HTMLElement {
  const status = column(pods, "Status");
  const running = pods.rows.filter((row) => row.cells[status] === "Running").length;
  const used = [...usage.pods.values()].reduce((sum, each) => sum + each.memoryBytes, 0);
  const busy = pods.rows.reduce((sum, row) => sum + (cores(last, usage, row.uid) ?? 0), 0);
  return el("dl", { class: "cards" },
    card("Pods running", `${running} of ${pods.rows.length}`),
    card("Cores that pods use", `${busy.toFixed(2)} of ${usage.cpus}`),
    card("Memory of pods", bytes(used)),
    card("Memory free here", `${bytes(usage.memoryFreeBytes)} of ${bytes(usage.memoryBytes)}`));
}

function podRows(pods: Table, usage: Usage): (Node | string)[][] {
  const at = ["Ready", "Status", "Restarts"].map((name) => column(pods, name));
  return pods.rows.map((row) => {
    const memory = usage.pods.get(row.uid)?.memoryBytes;
    const busy = cores(last, usage, row.uid);
    return [row.ns, row.name, ...at.map((each) => row.cells[each] ?? ""),
      el("td", { class: "number" }, busy === null ? "" : busy.toFixed(2)),
      el("td", { class: "number" }, memory === undefined ? "" : bytes(memory))];
  });
}

export async function overview(): Promise<Node> {
  const [podJson, sliceJson, usageJson] = await Promise.all([
    askJson("table", { path: "/api/v1/pods" }),
    askJson("table", { path: "/apis/discovery.k8s.io/v1/endpointslices" }),
    askJson("usage"),
  ]);
  const pods = parseTable(podJson);
  const slices = parseTable(sliceJson);
  const usage = parseUsage(usageJson);
  const node = el("div", {}, cards(pods, usage),
    grid("Pods, live", ["Namespace", "Name", "Ready", "Status", "Restarts", "Cores", "Memory"], podRows(pods, usage)),
    grid("Endpoints", ["Namespace", ...slices.columns], slices.rows.map((row) => [row.ns, ...row.cells])));
  last = usage;
  return node;
}

