// How the agent is set up and how the page is to look: GET /api/config. An agent that does not
// tell, such as the demo's, has one mode and the page's own looks.
import { bag, list, text } from "./model";
import { sayPage, t, useTexts } from "./texts";

export type Mode = "sources" | "direct" | "compare";

export interface PageConfig {
  readonly modes: readonly Mode[];
  readonly index: string;
  readonly timezone: string;
  readonly operator: boolean;
  readonly logo: boolean;
}

export function readConfig(value: unknown): PageConfig {
  const from = bag(value);
  const isMode = (mode: unknown): mode is Mode => ["sources", "direct", "compare"].includes(text(mode));
  return {
    modes: list(from["modes"]).filter(isMode),
    index: text(from["index"]),
    timezone: text(from["timezone"]),
    operator: from["operator"] === true,
    logo: bag(from["theme"])["logo"] === true,
  };
}

/** Never fails: a page without it still chats. */
export async function loadConfig(): Promise<PageConfig> {
  let body: unknown = null;
  try {
    const reply = await fetch("/api/config");
    if (reply.ok) body = await reply.json();
  } catch {
    // Offline, or an older agent.
  }
  wear(bag(body)["theme"]);
  return readConfig(body);
}

function wear(given: unknown): void {
  const theme = bag(given);
  useTexts({ ...bag(theme["texts"]), ...theme });
  document.title = t.title;
  document.documentElement.lang = text(theme["language"]) || "en";
  sayPage();
  const logo = document.getElementById("logo");
  if (logo && theme["logo"] === true) {
    logo.setAttribute("src", "/assets/logo");
    logo.hidden = false;
  }
}
