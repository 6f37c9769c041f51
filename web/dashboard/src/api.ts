// What the page asks of `rage dashboard`. The key stands in the address, behind "#", so that no
// server ever gets it in a log, and is kept for this tab alone.

const KEY = "dashboard-key";

function key(): string {
  const given = location.hash.slice(1);
  if (given !== "") {
    sessionStorage.setItem(KEY, given);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(KEY) ?? "";
}

const authorization = `Bearer ${key()}`;

export class Refused extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

async function ask(what: string, parameters: Readonly<Record<string, string>>): Promise<Response> {
  const query = new URLSearchParams(parameters).toString();
  const reply = await fetch(`/api/${what}?${query}`, { headers: { authorization } });
  if (reply.ok) return reply;
  const told: unknown = await reply.json().catch(() => ({}));
  const error = (told as { error?: unknown }).error;
  throw new Refused(reply.status, typeof error === "string" ? error : `status ${reply.status}`);
}

export async function askJson(what: string, parameters: Readonly<Record<string, string>> = {}): Promise<unknown> {
  return (await ask(what, parameters)).json();
}

export async function askText(what: string, parameters: Readonly<Record<string, string>>): Promise<string> {
  return (await ask(what, parameters)).text();
}
