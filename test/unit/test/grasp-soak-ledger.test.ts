import { describe, expect, test } from "vitest";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { SoakLedger } from "../../load/grasp/soak/ledger.ts";
import { author } from "../../support/nostr.ts";

const owner = author();
const COORDINATE = `30617:${owner.key}:repo`;
const state = (at: number) => owner.sign(30618, [["d", "repo"]], "", at);
const issue = (more: string[][] = []) => author().sign(1621, [["a", COORDINATE], ...more], "", 1);

/** Holds acknowledged events against a database. @returns how the events ended, and the faults without the ids */
function audit(
  acknowledged: readonly NostrEvent[],
  served: readonly NostrEvent[],
  { waiting = [], refused = [], unanswered = [], fromPeers = [] }: Record<string, readonly NostrEvent[]> = {},
) {
  const ledger = new SoakLedger();
  for (const [events, isAccepted] of [
    [acknowledged, true],
    [refused, false],
  ] as const) {
    for (const event of events) {
      ledger.sent(event);
      ledger.answered(event, isAccepted);
    }
  }
  for (const event of unanswered) ledger.sent(event);
  for (const event of fromPeers) ledger.fromPeer(event);
  const stored = {
    served: new Map(served.map((event) => [event.id, event])),
    waiting: new Set(waiting.map(({ id }) => id)),
  };
  const { ends, faults, unanswered: open } = ledger.audit(stored, 100);
  const counted = Object.fromEntries(Object.entries(ends).filter(([, count]) => count > 0));
  return { ends: counted, faults: faults.map((fault) => fault.replace(/^.*: /, "")), open };
}

describe("the ledger of GRASP's soak (V10)", () => {
  test("an acknowledged event that is served or waits is no fault; one that is in neither place is lost", () => {
    const [one, two] = [issue(), issue()];
    expect(audit([one, two], [one], { waiting: [two] })).toMatchObject({
      ends: { served: 1, waiting: 1 },
      faults: [],
    });
    expect(audit([one], []).faults).toEqual(["acknowledged, and lost"]);
  });

  test("a state is replaced by a newer one that is served, and by no older one", () => {
    const [older, newer] = [state(1), state(2)];
    expect(audit([older, newer], [newer])).toMatchObject({ ends: { served: 1, replaced: 1 }, faults: [] });
    expect(audit([older, newer], [older]).faults).toEqual(["acknowledged, and lost"]);
    expect(audit([older, newer], [older, newer]).faults).toEqual(["another version of it is served, too"]);
    // A newer one that waits replaces nothing that was served.
    expect(audit([older, newer], [], { waiting: [newer] }).faults).toEqual(["acknowledged, and lost"]);
  });

  test("what its author deleted is gone, and is not there", () => {
    const one = issue();
    const deletion = author().sign(5, [["e", one.id]]);
    expect(audit([one, deletion], [deletion])).toMatchObject({ ends: { served: 1, deleted: 1 }, faults: [] });
    expect(audit([one, deletion], [one, deletion]).faults).toEqual(["deleted, and still there"]);
    // A deletion without an answer may have been carried out, or not.
    for (const served of [[one], []])
      expect(audit([one], served, { unanswered: [deletion] }).faults).toEqual([]);
  });

  test("an event expires at its own time, not before", () => {
    const at = (seconds: number) => issue([["expiration", String(seconds)]]);
    expect(audit([at(100)], [])).toMatchObject({ ends: { expired: 1 }, faults: [] });
    expect(audit([at(101)], []).faults).toEqual(["acknowledged, and lost"]);
  });

  test("with a repository goes all that names it, and what names that", () => {
    const about = issue();
    const comment = author().sign(1111, [["E", about.id]]);
    const announcement = owner.sign(30617, [["d", "repo"]], "", 1);
    const deletion = owner.sign(5, [["a", COORDINATE]]);
    const all = [announcement, state(1), about, comment, deletion];
    expect(audit(all, [deletion])).toMatchObject({ ends: { served: 1, withRepository: 4 }, faults: [] });
    expect(audit(all, [announcement, deletion]).faults).toEqual(["its repository was deleted"]);
  });

  test("what was refused, or sent by nobody, is not in the database; what got no answer may be", () => {
    const one = issue();
    expect(audit([], [one]).faults).toEqual(["in the database, and nobody sent it"]);
    expect(audit([], [one], { refused: [one] }).faults).toEqual([
      "refused, and in the database",
      "in the database, and nobody sent it",
    ]);
    expect(audit([], [one], { unanswered: [one] })).toMatchObject({
      faults: [],
      open: { sent: 1, stored: 1 },
    });
  });

  test("what peers have is served", () => {
    const one = issue();
    expect(audit([], [one], { fromPeers: [one] }).faults).toEqual([]);
    expect(audit([], [], { fromPeers: [one] }).faults).toEqual(["a peer has it, and it is not served"]);
  });
});
