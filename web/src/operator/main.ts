// Puts the operator's page together.
import { loadConfig } from "../config";
import { byId, el } from "../dom";
import { t } from "../texts";
import { prepareTheme } from "../theme";
import { IndexList } from "./indexes";
import { showPolicy } from "./policy";
import { showReports } from "./reports";
import { prepareRetrieve } from "./retrieve";
import { prepareUpload } from "./upload";

function offer(indexes: readonly string[], preferred: string): void {
  const names = indexes.map((index) => el("option", { value: index }, index));
  const choice = byId("retrieve-index", HTMLSelectElement);
  const chosen = choice.value || preferred;
  choice.replaceChildren(...names);
  if (indexes.includes(chosen)) choice.value = chosen;
  byId("index-names", HTMLElement).replaceChildren(...indexes.map((index) => el("option", { value: index })));
  const upload = byId("upload-index", HTMLInputElement);
  if (upload.value === "") upload.value = preferred || indexes[0] || "";
  void showPolicy(indexes);
}

async function prepare(): Promise<void> {
  const config = await loadConfig();
  document.title = t.opTitle;
  prepareTheme();
  const indexes = new IndexList((names) => offer(names, config.index));
  prepareUpload(() => void indexes.refresh());
  prepareRetrieve();
  await Promise.all([indexes.refresh(), showReports()]);
}

void prepare();
