// Files as documents of an index, in portions that a request can carry. Pure.
import { bag, list } from "../model";

export interface NewDocument {
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export const PORTION_BYTES = 500_000;
const PORTION_DOCUMENTS = 20;

/** JSON: {"documents":[...]} or a list of documents; anything else is one document. Null: neither. */
export function documentsOf(name: string, content: string): NewDocument[] | null {
  if (/\.json$/i.test(name)) return documentsOfJson(content);
  if (content.trim() === "" || content.includes("\u0000")) return null;
  const text = /\.html?$/i.test(name) ? withoutTags(content) : content;
  return text.trim() === "" ? null : [{ text, metadata: { title: titleOf(name, content), file_name: name } }];
}

function documentsOfJson(content: string): NewDocument[] | null {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return null;
  }
  const entries = Array.isArray(value) ? value : list(bag(value)["documents"]);
  const documents = entries.map(bag);
  if (documents.length === 0 || documents.some((document) => typeof document["text"] !== "string")) return null;
  return documents.map((document) => ({ text: String(document["text"]), metadata: bag(document["metadata"]) }));
}

function titleOf(name: string, content: string): string {
  const heading = /^#\s+(.+)$/m.exec(content) ?? /<title[^>]*>([^<]+)<\/title>/i.exec(content);
  return (heading?.[1] ?? name).trim();
}

// The words of a page; nothing of it is ever shown as HTML.
function withoutTags(html: string): string {
  return html
    .replace(/<(script|style)\b[\s\S]*?<\/\1\s*>/gi, " ")
    .replace(/<\/?(p|div|li|h[1-6]|br|tr|section|article)\b[^>]*>/gi, "\n")
    .replace(/<[^>]*>/g, " ")
    .replace(/&(nbsp|lt|gt|quot|#39|amp);/g, (_, name: string) => ENTITIES[name] ?? " ")
    .replace(/[ \t]+/g, " ")
    .replace(/\s*\n\s*/g, "\n");
}

const ENTITIES: Readonly<Record<string, string>> = { nbsp: " ", lt: "<", gt: ">", quot: '"', "#39": "'", amp: "&" };

/** In order. Null: one document alone is larger than a portion may be. */
export function portionsOf(documents: readonly NewDocument[]): NewDocument[][] | null {
  const portions: NewDocument[][] = [];
  let bytes = 0;
  for (const document of documents) {
    const size = new TextEncoder().encode(JSON.stringify(document)).length;
    if (size > PORTION_BYTES) return null;
    const last = portions[portions.length - 1];
    if (!last || bytes + size > PORTION_BYTES || last.length >= PORTION_DOCUMENTS) {
      portions.push([document]);
      bytes = size;
    } else {
      last.push(document);
      bytes += size;
    }
  }
  return portions;
}
