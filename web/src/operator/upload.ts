// Files into an index: dropped or chosen, one after the other, with their progress.
import { byId, el } from "../dom";
import { fill, t } from "../texts";
import { documentsOf, PORTION_BYTES, portionsOf } from "./documents";
import { wordsOf } from "./indexes";
import { addDocuments } from "./requests";

export function prepareUpload(done: () => void): void {
  const drop = byId("drop", HTMLElement);
  const files = byId("files", HTMLInputElement);
  const over = (event: DragEvent, is: boolean): void => {
    event.preventDefault();
    drop.classList.toggle("over", is);
  };
  drop.addEventListener("dragover", (event) => over(event, true));
  drop.addEventListener("dragleave", (event) => over(event, false));
  drop.addEventListener("drop", (event) => {
    over(event, false);
    void upload([...(event.dataTransfer?.files ?? [])], done);
  });
  files.addEventListener("change", () => {
    const chosen = [...(files.files ?? [])];
    files.value = ""; // The same file may be chosen again.
    void upload(chosen, done);
  });
}

async function upload(files: readonly File[], done: () => void): Promise<void> {
  const name = byId("upload-index", HTMLInputElement);
  if (name.value.trim() === "") return name.focus();
  for (const file of files) await uploadFile(name.value.trim(), file);
  done();
}

async function uploadFile(index: string, file: File): Promise<void> {
  const progress = el("progress", { max: 1, value: 0, "aria-label": fill(t.opProgressOf, { file: file.name }) });
  const told = el("span", {}, file.name);
  byId("uploads", HTMLUListElement).prepend(el("li", {}, told, progress));
  const fails = (why: string): void => {
    told.textContent = fill(t.opUploadFailed, { file: file.name, why });
    progress.remove();
  };
  const documents = documentsOf(file.name, await file.text());
  if (!documents) return fails(t.opNotReadable);
  const portions = portionsOf(documents);
  if (!portions) return fails(fill(t.opTooLarge, { size: `${PORTION_BYTES / 1000} kB` }));
  progress.max = documents.length;
  let sent = 0;
  for (const portion of portions) {
    try {
      await addDocuments(index, portion);
    } catch (error) {
      return fails(wordsOf(error));
    }
    sent += portion.length;
    progress.value = sent;
  }
  told.textContent = fill(t.opUploaded, { file: file.name, count: sent });
}
