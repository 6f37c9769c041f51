// Reports of `rage eval --json`: their figures, and what was not right.
import { button, byId, el } from "../dom";
import { bag, list, text } from "../model";
import { t } from "../texts";
import { listReports, readReport } from "./requests";

export async function showReports(): Promise<void> {
  const reports = await listReports().catch(() => []);
  const place = byId("reports", HTMLElement);
  if (reports.length === 0) return place.replaceChildren(el("p", { class: "quiet" }, t.opNoReports));
  const rows = reports.map((report) => {
    const name = text(report["name"]);
    const figures = [report["questions"], percent(report["right"]), percent(report["wrongFacts"])];
    const open = button(name, () => void openReport(name));
    return el("tr", {}, el("td", {}, open), ...figures.map((figure) => el("td", { class: "number" }, String(figure ?? "–"))));
  });
  place.replaceChildren(tableOf([t.opReport, t.opQuestions, t.opRight, t.opWrongFacts], rows, t.opReportList));
}

function percent(share: unknown): string {
  return typeof share === "number" ? `${(share * 100).toFixed(1)} %` : "–";
}

async function openReport(name: string): Promise<void> {
  const report = await readReport(name).catch(() => ({}));
  const wrong = list(bag(report)["results"]).map(bag).filter((row) => row["right"] === false);
  const rows = wrong.map((row) =>
    el("tr", {}, ...["question", "answer", "why"].map((key) => el("td", {}, text(row[key]).slice(0, 600)))),
  );
  byId("report", HTMLElement).replaceChildren(
    el("h3", {}, name),
    tableOf([t.opQuestion, t.opAnswer, t.opWhy], rows, name),
  );
}

function tableOf(names: readonly string[], rows: readonly HTMLElement[], label: string): HTMLElement {
  const head = names.map((name) => el("th", { scope: "col" }, name));
  const table = el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
  return el("div", { class: "table", tabindex: 0, role: "region", "aria-label": label }, table);
}
