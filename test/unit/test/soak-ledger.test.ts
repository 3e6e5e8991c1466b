import { expect, test } from "vitest";
import type { GraphEntry } from "../../../runtime/ec/graph/entry.ts";
import { Ledger, pixelUid, uploadUid } from "../../load/soak/ledger.ts";

const ID = `${"a".repeat(64)}.Abc123`;
const OTHER = `${"b".repeat(64)}.Abc123`;

const entry = (ids: GraphEntry["ids"] = {}, ok = true): GraphEntry => ({
  v: 1,
  created: 1,
  lastSeen: 1,
  consent: { ok, updated: 1 },
  geo: { country: "JP" },
  ids,
});

function ledgerWith(change: (ledger: Ledger) => void = () => {}): Ledger {
  const ledger = new Ledger();
  ledger.minted(ID, "198.18.0.1");
  change(ledger);
  return ledger;
}

const faults = (ledger: Ledger, stored: GraphEntry | null) =>
  ledger.audit(new Map(stored === null ? [] : [[ID, stored]])).faults.map((fault) => fault.slice(10));

test("an acknowledged and stored write is no fault", () => {
  const ledger = ledgerWith((one) => {
    one.sending(ID, 7);
    one.uploaded(ID, 7);
    one.pixel(ID);
  });
  const ids = { uploader: { uid: uploadUid(7), synced: 7 }, pixel: { uid: pixelUid(ID), synced: 9 } };
  expect(ledger.audit(new Map([[ID, entry(ids)]]))).toEqual({
    faults: [],
    ...{ live: 1, expected: 1, unacknowledged: 0, undecided: 0 },
  });
});

test("a lost id, upload or pixel is a fault", () => {
  expect(faults(ledgerWith(), null)).toEqual(["an acknowledged id is gone"]);
  const ledger = ledgerWith((one) => {
    one.sending(ID, 7);
    one.uploaded(ID, 7);
    one.pixel(ID);
  });
  expect(faults(ledger, entry())).toEqual([
    "an acknowledged upload is gone",
    "an acknowledged pixel is gone",
  ]);
  const older = { uploader: { uid: uploadUid(6), synced: 6 }, pixel: { uid: pixelUid(ID), synced: 9 } };
  expect(faults(ledger, entry(older))).toEqual(["an older upload than the acknowledged one"]);
});

test("an upload without an answer may be stored or not; one that was never sent may not", () => {
  const ledger = ledgerWith((one) => {
    one.sending(ID, 7);
    one.uploaded(ID, 7);
    one.sending(ID, 8);
  });
  expect(faults(ledger, entry({ uploader: { uid: uploadUid(7), synced: 7 } }))).toEqual([]);
  expect(faults(ledger, entry({ uploader: { uid: uploadUid(8), synced: 8 } }))).toEqual([]);
  expect(faults(ledger, entry({ uploader: { uid: uploadUid(9), synced: 9 } }))).toEqual([
    "an upload that was never sent",
  ]);
});

test("a withdrawn visitor has a tombstone and nothing else", () => {
  const ledger = ledgerWith((one) => one.withdrawn(ID));
  expect(faults(ledger, entry({}, false))).toEqual([]);
  expect(faults(ledger, entry())).toEqual(["withdrawn, and still there"]);
  expect(faults(ledger, null)).toEqual(["withdrawn, and no tombstone"]);
});

test("a withdrawal without an answer is undecided; unacknowledged entries are counted", () => {
  const ledger = ledgerWith((one) => {
    one.visitors.get(ID)!.mayBeWithdrawn = true;
  });
  const audit = ledger.audit(
    new Map([
      [ID, entry()],
      [OTHER, entry()],
    ]),
  );
  expect(audit).toEqual({ faults: [], live: 2, expected: 0, unacknowledged: 1, undecided: 1 });
});
