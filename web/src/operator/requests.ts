// What the operator's page asks: the RAG service's routes, and reports of evaluations.
import { jsonBody, request } from "../api";
import { bag, list, text } from "../model";

const RAG = "/api/operator/rag";

async function ask(path: string, init?: RequestInit): Promise<unknown> {
  return (await request(path, init)).json();
}

function indexPath(index: string): string {
  return `${RAG}/indexes/${encodeURIComponent(index)}`;
}

export async function listIndexes(): Promise<string[]> {
  return list(await ask(`${RAG}/indexes`)).map(text);
}

export async function deleteIndex(index: string): Promise<void> {
  await ask(indexPath(index), { method: "DELETE" });
}

export interface DocumentRow {
  readonly docId: string;
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface DocumentPage {
  readonly rows: readonly DocumentRow[];
  readonly total: number;
}

export async function listDocuments(index: string, offset: number, limit: number): Promise<DocumentPage> {
  const page = bag(await ask(`${indexPath(index)}/documents?limit=${limit}&offset=${offset}&max_text_length=300`));
  const rows = list(page["documents"]).map((entry) => {
    const row = bag(entry);
    return { docId: text(row["doc_id"]), text: text(row["text"]), metadata: bag(row["metadata"]) };
  });
  return { rows, total: Number(page["total_items"] ?? 0) };
}

export async function deleteDocument(index: string, docId: string): Promise<void> {
  await ask(`${indexPath(index)}/documents/delete`, jsonBody("POST", { doc_ids: [docId] }));
}

/** How many of them the index has now. */
export async function addDocuments(index: string, documents: readonly unknown[]): Promise<number> {
  return list(await ask(`${RAG}/index`, jsonBody("POST", { index_name: index, documents }))).length;
}

export interface Hit {
  readonly text: string;
  readonly title: string;
  readonly score: number | null;
  readonly dense: number | null;
  readonly sparse: number | null;
}

export async function retrieve(index: string, query: string, count: number, filter: unknown): Promise<Hit[]> {
  const wanted = { index_name: index, query, max_node_count: count, metadata_filter: filter };
  const found = bag(await ask(`${RAG}/retrieve`, jsonBody("POST", wanted)));
  return list(found["results"]).map((entry) => {
    const hit = bag(entry);
    const number = (key: string): number | null => (typeof hit[key] === "number" ? (hit[key] as number) : null);
    const title = text(bag(hit["metadata"])["title"]) || text(hit["doc_id"]);
    return { text: text(hit["text"]), title, score: number("score"), dense: number("dense_score"), sparse: number("sparse_score") };
  });
}

export async function readSettings(index: string): Promise<string> {
  return text(bag(await ask(`${indexPath(index)}/settings`))["grounding_mode"]);
}

export async function writeSettings(index: string, mode: string): Promise<void> {
  await ask(`${indexPath(index)}/settings`, jsonBody("PUT", { grounding_mode: mode === "" ? null : mode }));
}

export async function readGuardrails(): Promise<unknown> {
  return ask(`${RAG}/guardrails/policy`);
}

export async function listReports(): Promise<Array<Readonly<Record<string, unknown>>>> {
  return list(bag(await ask("/api/operator/reports"))["reports"]).map(bag);
}

export async function readReport(name: string): Promise<Readonly<Record<string, unknown>>> {
  return bag(await ask(`/api/operator/reports/${encodeURIComponent(name)}`));
}
