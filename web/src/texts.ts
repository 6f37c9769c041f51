// What the page says: texts/en.json, over which a theme or a translation lays its own.
import english from "../texts/en.json";

export type Texts = typeof english;
export const t: Texts = { ...english };

/** Takes over what has a known name and is text; "examples" is a list of texts. */
export function useTexts(given: Readonly<Record<string, unknown>>): void {
  const texts: Record<string, unknown> = t;
  for (const [key, value] of Object.entries(given)) {
    if (typeof texts[key] === "string" && typeof value === "string") texts[key] = value;
  }
  const examples = given["examples"];
  if (Array.isArray(examples)) t.examples = examples.filter((one): one is string => typeof one === "string");
}

/** "{name}" replaced by the value of that name. */
export function fill(text: string, values: Readonly<Record<string, string | number>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The words of index.html: data-text, data-label and data-hint name them. */
export function sayPage(): void {
  const texts: Record<string, unknown> = t;
  const each = (name: string, set: (element: HTMLElement, text: string) => void): void => {
    for (const element of document.querySelectorAll<HTMLElement>(`[data-${name}]`)) {
      const text = texts[element.dataset[name] ?? ""];
      if (typeof text === "string") set(element, text);
    }
  };
  each("text", (element, text) => (element.textContent = text));
  each("label", (element, text) => element.setAttribute("aria-label", text));
  each("hint", (element, text) => element.setAttribute("placeholder", text));
}
