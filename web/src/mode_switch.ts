// With sources, without context, or both side by side: what the next question asks for.
import type { Mode } from "./config";
import { byId, el } from "./dom";
import { t } from "./texts";

const KEY = "mode";

export class ModeSwitch {
  private chosen: Mode = "sources";

  constructor(modes: readonly Mode[]) {
    const group = byId("modes", HTMLFieldSetElement);
    group.hidden = modes.length < 2;
    this.chosen = modes.find((mode) => mode === stored()) ?? modes[0] ?? "sources";
    const names = { sources: t.modeSources, direct: t.modeDirect, compare: t.modeCompare };
    const choices = modes.map((mode) => {
      const input = el("input", { type: "radio", name: "mode", value: mode, on: { change: () => this.choose(mode) } });
      input.checked = mode === this.chosen;
      return el("label", {}, input, el("span", {}, names[mode]));
    });
    group.append(...choices);
  }

  get mode(): Mode {
    return this.chosen;
  }

  private choose(mode: Mode): void {
    this.chosen = mode;
    try {
      localStorage.setItem(KEY, mode);
    } catch {
      // For this page only, then.
    }
  }
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
