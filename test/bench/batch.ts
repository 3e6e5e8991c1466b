/**
 * Batch sync of 1,000 mappings on SQLite, from the request to the response, beside one transaction that writes the same
 * 1,000 rows through the store, and one that writes them through SQLite itself.
 * @module
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { sqliteStore } from "../../runtime/stores/sqlite.ts";
import { edgeCookie } from "../../worker/entries/node.ts";
import { measure, report } from "./harness.ts";

const MAPPINGS = 1000;
const KEY = "key-of-the-partner";
const folder = mkdtempSync(join(tmpdir(), "millrace-batch-"));
const clock = { now: Date.now };

const handler = edgeCookie({
  publisher: { domain: "publisher.example" },
  store: `sqlite:${join(folder, "service.db")}`,
  passphrases: ["publisher-chosen-secret"],
  log: { debug() {}, info() {}, warn() {}, error: console.error },
  partners: [
    {
      id: "partner",
      apiKeyHash: createHash("sha256").update(KEY).digest("hex"),
      batchRateLimit: 1_000_000,
    },
  ],
})(() => new Response("page"));
const { graph, store, identity } = handler.service(undefined as never).services;

const ids = Array.from({ length: MAPPINGS }, () => identity.mint("203.0.113.1"));
const consent = {
  jurisdiction: "non-regulated" as const,
  country: "JP",
  region: null,
  signals: { tcf: null, gpp: null, gppSid: null, usPrivacy: null, gpc: false },
  allowed: true,
  reason: "non_regulated" as const,
  withdrawal: "any" as const,
};
const { newEntry } = await import("../../runtime/ec/graph/entry.ts");
await Promise.all(
  ids.map((id) => graph.createOrRevive(id, newEntry(consent, {}, Math.floor(Date.now() / 1000)))),
);

// Each upload is newer than the previous one, so all mappings are written.
let synced = 1_700_000_000;
function newUpload(): Request {
  synced++;
  const mappings = ids.map((ec_id, i) => ({ ec_id, partner_uid: `uid-${i}-${synced}`, timestamp: synced }));
  return new Request("https://publisher.example/_ts/api/v1/sync", {
    method: "POST",
    headers: { authorization: `Bearer ${KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ mappings }),
  });
}
// The work of the partner's own server is not timed.
let uploads: Request[] = [];
async function upload(): Promise<void> {
  const response = await handler(uploads.pop()!, undefined as never);
  const { accepted } = (await response.json()) as { accepted: number };
  if (accepted !== MAPPINGS) throw new Error(`expected ${MAPPINGS} accepted mappings, got ${accepted}`);
}

uploads = [newUpload()];
await upload();
const rows = await Promise.all(
  ids.map(async (id) => ({ key: `ec:${id}`, value: (await store.get(`ec:${id}`))!.value })),
);

const other = sqliteStore({ path: join(folder, "store.db"), clock });
const put = () => Promise.all(rows.map(({ key, value }) => other.put(key, value, { metadata: {} })));
await put();

const database = new DatabaseSync(join(folder, "raw.db"));
database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
database.exec(
  "CREATE TABLE entries (key TEXT NOT NULL PRIMARY KEY, version INTEGER, expires INTEGER, metadata TEXT, value TEXT) STRICT",
);
const upsert = database.prepare(
  "INSERT INTO entries VALUES (?, ?, 0, '{}', ?) ON CONFLICT (key) DO UPDATE SET version = excluded.version, value = excluded.value",
);
let version = 0;
function transact(): void {
  version++;
  database.exec("BEGIN IMMEDIATE");
  for (const { key, value } of rows) upsert.run(key, version, value);
  database.exec("COMMIT");
}
transact();

const select = database.prepare("SELECT version, metadata, value FROM entries WHERE key = ?");
/** The same after a read of each row, which a merge needs. */
function readAndTransact(): void {
  for (const { key } of rows) if (select.get(key) === undefined) throw new Error(`${key} is not there`);
  transact();
}

const times = async (count: number, run: () => unknown) => {
  for (let i = 0; i < count; i++) await run();
};
report(
  await measure(
    [
      {
        name: "batch sync",
        prepare(count) {
          uploads = Array.from({ length: count }, newUpload);
        },
        run: (count) => times(count, upload),
      },
      { name: "the store's own transaction", run: (count) => times(count, put) },
      { name: "SQLite's own transaction", run: (count) => times(count, transact) },
      { name: "the same, each row read before", run: (count) => times(count, readAndTransact) },
    ],
    { rounds: 21, turnMs: 60 },
  ),
);
rmSync(folder, { recursive: true, force: true });
process.exit(0);
