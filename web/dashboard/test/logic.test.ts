// The dashboard's pure part, under Node.
import assert from "node:assert/strict";
import { bytes, cores, KINDS, matches, objectPath, parseFacts, parseMetrics, parseTable, parseUsage, tone } from "../src/model";

const { deepEqual, equal } = assert;

const table = parseTable({
  columnDefinitions: [{ name: "Name", priority: 0 }, { name: "Status" }, { name: "IP", priority: 1 }],
  rows: [{ cells: ["web", "Running", "127.97.0.2"], object: { metadata: { name: "web", namespace: "a", uid: "u" } } },
    { cells: ["x", null], object: null }],
});
deepEqual(table.columns, ["Name", "Status"]);
deepEqual(table.rows[0], { name: "web", ns: "a", uid: "u", cells: ["web", "Running"] });
deepEqual(table.rows[1]?.cells, ["x", ""]);
deepEqual(parseTable("nonsense"), { columns: [], rows: [] });

const row = table.rows[0];
if (row === undefined) throw new Error("no row");
const pods = KINDS.find((kind) => kind.label === "pods");
const nodes = KINDS.find((kind) => kind.label === "nodes");
if (pods === undefined || nodes === undefined) throw new Error("no kinds");
equal(objectPath(pods, row), "/api/v1/namespaces/a/pods/web");
equal(objectPath(nodes, row), "/api/v1/nodes/web");
equal(new Set(KINDS.map((kind) => kind.label)).size, KINDS.length);

equal(matches(row, " RUNN "), true);
equal(matches(row, "nothing"), false);

deepEqual(["Running", "2/3", "3/3", "CrashLoopBackOff", "Pending", "web"].map(tone),
  ["good", "warn", "good", "bad", "warn", ""]);

const first = parseUsage({ atMs: 1000, cpus: 2, pods: { u: { cpuSeconds: 1, memoryBytes: 5 } } });
const later = parseUsage({ atMs: 3000, cpus: 2, pods: { u: { cpuSeconds: 2, memoryBytes: 5 }, v: {} } });
equal(cores(first, later, "u"), 0.5);
equal(cores(first, later, "v"), null);
equal(cores(null, later, "u"), null);

deepEqual([0, 1023, 1536, 5 * 1024 ** 3].map(bytes), ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]);
deepEqual(parseMetrics('# HELP a b\na_total{x="y z"} 3\na_bucket{le="1"} 1\nb 1e3 17\n'),
  [{ series: 'a_total{x="y z"}', value: 3 }, { series: "b", value: 1000 }]);
deepEqual(parseFacts({ conditions: [{ type: "Ready", status: "True" }], containers: ["c"] }),
  { conditions: [{ type: "Ready", status: "True", reason: "", message: "" }], containers: ["c"] });
