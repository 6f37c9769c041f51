// How strictly each index is answered from, and the service's guardrails if it shows any.
import { byId, el } from "../dom";
import { fill, t } from "../texts";
import { wordsOf } from "./indexes";
import { readGuardrails, readSettings, writeSettings } from "./requests";

export async function showPolicy(indexes: readonly string[]): Promise<void> {
  const modes = await Promise.all(indexes.map((index) => showMode(index)));
  const policy = await readGuardrails().catch(() => null);
  const guardrails =
    policy === null
      ? el("p", { class: "quiet" }, t.opNoGuardrails)
      : el("pre", { tabindex: 0, role: "region", "aria-label": t.opGuardrails }, JSON.stringify(policy, null, 2));
  byId("policy", HTMLElement).replaceChildren(...modes, el("h3", {}, t.opGuardrails), guardrails);
}

async function showMode(index: string): Promise<HTMLElement> {
  const now = await readSettings(index).catch(() => "");
  const names = { "": t.opModeDefault, strict: t.opModeStrict, assist: t.opModeAssist, off: t.opModeOff };
  const options = Object.entries(names).map(([mode, name]) => el("option", { value: mode }, name));
  const told = el("span", { role: "status" });
  const choice = el("select", {}, ...options);
  choice.value = now in names ? now : "";
  choice.addEventListener("change", () => {
    writeSettings(index, choice.value).then(
      () => (told.textContent = t.opSaved),
      (error: unknown) => (told.textContent = wordsOf(error)),
    );
  });
  return el("p", {}, el("label", {}, fill(t.opGroundingMode, { index }), " ", choice), " ", told);
}
