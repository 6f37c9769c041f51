// The same question twice: what the bare model says beside what the sources say.
import { el } from "./dom";
import { showMarkdown } from "./markdown_view";
import type { BareAnswer } from "./model";
import { fill, t } from "./texts";

export function showColumns(bare: BareAnswer, isRunning: boolean, grounded: HTMLElement): HTMLElement {
  return el(
    "div",
    { class: "compare" },
    el("section", { class: "column bare" }, el("h3", {}, t.bareTitle), ...showBare(bare, isRunning)),
    el("section", { class: "column grounded" }, el("h3", {}, t.groundedTitle), grounded),
  );
}

function showBare(bare: BareAnswer, isRunning: boolean): HTMLElement[] {
  const shown: HTMLElement[] = [];
  if (bare.text === "" && isRunning) return [el("p", { class: "thinking" }, t.thinkingBare)];
  if (!isRunning && bare.text !== "") shown.push(el("p", { class: "badge unverified" }, t.badgeUnverified));
  if (bare.text !== "") shown.push(el("div", { class: "text" }, ...showMarkdown(bare.text, () => null)));
  if (bare.error !== "") shown.push(el("p", { class: "state" }, fill(t.bareFailed, { why: bare.error })));
  if (!isRunning && bare.model !== "") {
    const seconds = bare.latencyMs === null ? "" : `, ${(bare.latencyMs / 1000).toFixed(2)} s`;
    shown.push(el("p", { class: "quiet" }, `${bare.model}${seconds}`));
  }
  return shown;
}
