// Pure: what the server says as what the page shows.

export interface Kind {
  readonly label: string;
  readonly path: string; // Of the collection, in all namespaces.
  readonly group: string; // Under which heading it stands.
  readonly namespaced: boolean;
}

function kinds(group: string, base: string, namespaced: boolean, plurals: string): Kind[] {
  return plurals.split(" ").map((plural) => ({ label: plural, path: `${base}/${plural}`, group, namespaced }));
}

export const KINDS: readonly Kind[] = [
  ...kinds("Models and retrieval", "/apis/kaito.sh/v1beta1", true, "workspaces inferencesets ragengines"),
  ...kinds("Models and retrieval", "/apis/kaito.sh/v1alpha1", true, "autoindexers modelmirrors multiroleinferences"),
  ...kinds("Traffic", "/apis/gateway.networking.k8s.io/v1", true, "gateways httproutes"),
  ...kinds("Traffic", "/apis/inference.networking.k8s.io/v1", true, "inferencepools"),
  ...kinds("Traffic", "/api/v1", true, "services"),
  ...kinds("Traffic", "/apis/discovery.k8s.io/v1", true, "endpointslices"),
  ...kinds("Workloads", "/api/v1", true, "pods"),
  ...kinds("Workloads", "/apis/apps/v1", true, "deployments statefulsets"),
  ...kinds("Workloads", "/apis/batch/v1", true, "jobs cronjobs"),
  ...kinds("Cluster", "/api/v1", true, "events configmaps persistentvolumeclaims"),
  ...kinds("Cluster", "/api/v1", false, "nodes namespaces"),
];

export interface Row {
  readonly name: string;
  readonly ns: string;
  readonly uid: string;
  readonly cells: readonly string[];
}

export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

type Plain = { readonly [key: string]: unknown };

function object(value: unknown): Plain {
  return typeof value === "object" && value !== null ? (value as Plain) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function text(value: unknown): string {
  return value === null || value === undefined ? "" : String(value);
}

/** A meta.k8s.io Table; what only wide output has is left out. */
export function parseTable(json: unknown): Table {
  const definitions = list(object(json)["columnDefinitions"]).map(object);
  const shown = definitions.map((each) => Number(each["priority"] ?? 0) === 0);
  const rows = list(object(json)["rows"]).map((each) => {
    const row = object(each);
    const meta = object(object(row["object"])["metadata"]);
    const cells = list(row["cells"]).filter((_, at) => shown[at]).map(text);
    return { name: text(meta["name"]), ns: text(meta["namespace"]), uid: text(meta["uid"]), cells };
  });
  return { columns: definitions.filter((_, at) => shown[at]).map((each) => text(each["name"])), rows };
}

export function objectPath(kind: Kind, row: Row): string {
  if (!kind.namespaced) return `${kind.path}/${row.name}`;
  const slash = kind.path.lastIndexOf("/");
  return `${kind.path.slice(0, slash)}/namespaces/${row.ns}${kind.path.slice(slash)}/${row.name}`;
}

export function matches(row: Row, filter: string): boolean {
  const wanted = filter.trim().toLowerCase();
  return wanted === "" || [row.ns, ...row.cells].some((each) => each.toLowerCase().includes(wanted));
}

export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface Facts {
  readonly conditions: readonly Condition[];
  readonly containers: readonly string[];
}

export function parseFacts(json: unknown): Facts {
  const conditions = list(object(json)["conditions"]).map(object).map((each) => ({
    type: text(each["type"]),
    status: text(each["status"]),
    reason: text(each["reason"]),
    message: text(each["message"]),
  }));
  return { conditions, containers: list(object(json)["containers"]).map(text) };
}

/** How good a word of kubectl's is; colour is never all that says so. */
export function tone(word: string): "good" | "warn" | "bad" | "" {
  if (/^(True|Ready|Running|Active|Bound|Completed|Succeeded|Complete)$/.test(word)) return "good";
  if (/^(Pending|Unknown|ContainerCreating|Terminating|Warning)$/.test(word)) return "warn";
  if (/(Error|BackOff|Failed|OOMKilled|NotReady|NeverPull)/.test(word)) return "bad";
  const share = /^(\d+)\/(\d+)$/.exec(word);
  if (share) return share[1] === share[2] ? "good" : "warn";
  return "";
}

export interface PodUsage {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

export interface Usage {
  readonly atMs: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly memoryFreeBytes: number;
  readonly pods: ReadonlyMap<string, PodUsage>;
}

export function parseUsage(json: unknown): Usage {
  const all = object(json);
  const pods = Object.entries(object(all["pods"])).map(([uid, each]): [string, PodUsage] => [
    uid,
    { cpuSeconds: Number(object(each)["cpuSeconds"]), memoryBytes: Number(object(each)["memoryBytes"]) },
  ]);
  return {
    atMs: Number(all["atMs"]),
    cpus: Number(all["cpus"]),
    memoryBytes: Number(all["memoryBytes"]),
    memoryFreeBytes: Number(all["memoryFreeBytes"]),
    pods: new Map(pods),
  };
}

/** Cores that a pod used between two looks; null if they cannot be compared. */
export function cores(before: Usage | null, now: Usage, uid: string): number | null {
  const first = before?.pods.get(uid);
  const last = now.pods.get(uid);
  if (!before || !first || !last || now.atMs <= before.atMs) return null;
  return Math.max(0, (last.cpuSeconds - first.cpuSeconds) / ((now.atMs - before.atMs) / 1000));
}

export function bytes(count: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let left = count;
  while (left >= 1024 && unit < units.length - 1) {
    left /= 1024;
    unit++;
  }
  return `${left < 10 && unit > 0 ? left.toFixed(1) : Math.round(left)} ${units[unit]}`;
}

export interface Sample {
  readonly series: string; // Name and labels, as the page has them.
  readonly value: number;
}

/** A Prometheus page, without what fills it: buckets, and what was created when. */
export function parseMetrics(page: string): Sample[] {
  const samples: Sample[] = [];
  for (const line of page.split("\n")) {
    const found = /^([a-zA-Z_:][\w:]*(?:\{.*\})?)\s+(\S+)/.exec(line);
    if (!found || found[1] === undefined || /_bucket(\{|$)|_created(\{|$)/.test(found[1])) continue;
    samples.push({ series: found[1], value: Number(found[2]) });
  }
  return samples;
}
