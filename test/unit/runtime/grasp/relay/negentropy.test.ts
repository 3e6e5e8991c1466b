import { createHash } from "node:crypto";
import fc from "fast-check";
import { nip77 } from "nostr-tools";
import { expect, test } from "vitest";
import { FRAME_BYTES, Negentropy, NegentropyFault } from "../../../../../runtime/grasp/relay/negentropy.ts";
import { NegentropyRecords } from "../../../../../runtime/grasp/relay/negentropy-records.ts";
import { amount } from "../../../../support/amount.ts";
import { type ModelRecord, modelReply } from "../../../../support/negentropy-model.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

function records(list: readonly ModelRecord[]): NegentropyRecords {
  const ids = new Uint8Array(list.length * 32);
  for (const [at, [, id]] of list.entries()) ids.set(Buffer.from(id, "hex"), at * 32);
  return new NegentropyRecords({ times: Uint32Array.from(list, ([time]) => time), ids }, sha256);
}

/** Record number `n`. With few times, many records share one. */
const record = (n: number, times: number): ModelRecord => [
  1_700_000_000 + (n % times),
  createHash("sha256").update(String(n)).digest("hex"),
];

/** Two sets of which `each` records are on one side only. */
function sides(shared: number, each: number, times: number) {
  const all = Array.from({ length: shared + 2 * each }, (_, n) => record(n * 7919, times));
  const ours = all.filter((_, n) => n % Math.ceil(all.length / each) !== 1);
  const theirs = all.filter((_, n) => n % Math.ceil(all.length / each) !== 2);
  const [a, b] = [new Set(ours.map(([, id]) => id)), new Set(theirs.map(([, id]) => id))];
  return {
    ours,
    theirs,
    have: ours.flatMap(([, id]) => (b.has(id) ? [] : [id])).sort(),
    need: theirs.flatMap(([, id]) => (a.has(id) ? [] : [id])).sort(),
  };
}

/** Lets an initiator of ours work to the end. */
function initiate(ours: readonly ModelRecord[], answer: (message: string) => string, frame = FRAME_BYTES) {
  const own = new Negentropy(records(ours), true, frame);
  const [have, need]: string[][] = [[], []];
  let message: Uint8Array | null = own.open();
  let rounds = 0;
  for (; message !== null; rounds++) {
    expect(rounds).toBeLessThan(1000);
    const step = own.step(bytes(answer(hex(message))));
    have!.push(...step.have);
    need!.push(...step.need);
    message = step.reply;
  }
  return { have: have!.sort(), need: need!.sort(), rounds };
}

/** A responder of ours, which never sends more than a frame. */
function responder(list: readonly ModelRecord[], frame = FRAME_BYTES) {
  const own = new Negentropy(records(list), false, frame);
  return (message: string) => {
    const { reply, have, need } = own.step(bytes(message));
    expect([reply!.length <= frame, have, need]).toEqual([true, [], []]);
    return hex(reply!);
  };
}

/** The other library as initiator. */
function foreignInitiator(
  list: readonly ModelRecord[],
  answer: (message: string) => string,
  frame = FRAME_BYTES,
) {
  const storage = new nip77.NegentropyStorageVector();
  for (const [time, id] of list) storage.insert(time, id);
  storage.seal();
  const foreign = new nip77.Negentropy(storage, frame);
  const [have, need]: string[][] = [[], []];
  let message: string | null = foreign.initiate();
  for (let rounds = 0; message !== null; rounds++) {
    expect(rounds).toBeLessThan(1000);
    message = foreign.reconcile(
      answer(message),
      (id) => have!.push(id),
      (id) => need!.push(id),
    );
    if (message?.length === 2) message = null;
  }
  return { have: have!.sort(), need: need!.sort() };
}

test.each([
  [0, 1, 1],
  [10, 3, 100],
  [1000, 10, 1],
  [1000, 600, 50],
  [20_000, 10, 20_000],
  [100_000, 10, 90_000],
  [20_000, 8000, 3],
])(
  "%i shared records and %i on each side, at %i times: both of ours find every difference (R23, T52)",
  (shared, each, times) => {
    const { ours, theirs, have, need } = sides(shared, each, times);
    const found = initiate(ours, responder(theirs));
    expect(found).toMatchObject({ have, need });
    // Ten differences in many records take few rounds.
    if (each <= 10) expect(found.rounds).toBeLessThanOrEqual(6);
  },
);

test.each([
  [1000, 10, 1],
  [1000, 600, 50],
  [30_000, 643, 20_000],
  [10_000, 5000, 3],
])(
  "nostr-tools asks for %i shared records and %i on each side, at %i times, and finds every difference (R23, T52)",
  (shared, each, times) => {
    const { ours, theirs, have, need } = sides(shared, each, times);
    expect(foreignInitiator(ours, responder(theirs))).toEqual({ have, need });
  },
);

test.each([
  [10, 3, 100],
  [1000, 300, 50],
  [5000, 10, 1],
])(
  "a plain responder with %i shared records and %i on each side, at %i times, is understood (L26, T52)",
  (shared, each, times) => {
    const { ours, theirs, have, need } = sides(shared, each, times);
    expect(initiate(ours, (message) => modelReply(theirs, message))).toMatchObject({ have, need });
  },
);

test("random sets and small frames: every difference is found, by every pair (T52)", () => {
  const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 3000 }), { maxLength: 900 });
  const times = fc.constantFrom(1, 3, 40, 4000);
  fc.assert(
    fc.property(numbers, numbers, times, fc.constantFrom(4096, FRAME_BYTES), (a, b, spread, frame) => {
      const [ours, theirs] = [a, b].map((list) => list.map((n) => record(n, spread)));
      const [own, other] = [ours!, theirs!].map((list) => new Set(list.map(([, id]) => id)));
      const have = [...own!].filter((id) => !other!.has(id)).sort();
      const need = [...other!].filter((id) => !own!.has(id)).sort();
      expect(initiate(ours!, responder(theirs!, frame), frame)).toMatchObject({ have, need });
      expect(initiate(ours!, (message) => modelReply(theirs!, message))).toMatchObject({ have, need });
      expect(foreignInitiator(ours!, responder(theirs!, frame))).toEqual({ have, need });
    }),
    { numRuns: 30 },
  );
});

test("another version is answered with ours (R23); the initiator gives up", () => {
  const none = records([]);
  expect(new Negentropy(none, false).step(bytes("62abcdef")).reply).toEqual(Uint8Array.of(0x61));
  expect(() => new Negentropy(none, true).step(bytes("62"))).toThrow(NegentropyFault);
});

test.each([
  "",
  "00",
  "7f",
  "61ff",
  "6101",
  "610021aa",
  "610000",
  "61000003",
  "610000020a",
  "61ffffffffffffffffffff00",
])("what cannot be read is a fault: %s", (message) => {
  const own = new Negentropy(records([record(1, 1)]), false);
  expect(() => own.step(bytes(message))).toThrow(NegentropyFault);
});

test("any bytes are answered or are a fault", () => {
  const own = new Negentropy(records(Array.from({ length: 100 }, (_, n) => record(n, 10))), false);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (rest) => {
      try {
        expect(own.step(Uint8Array.of(0x61, ...rest)).reply![0]).toBe(0x61);
      } catch (error) {
        expect(error).toBeInstanceOf(NegentropyFault);
      }
    }),
    { numRuns: amount(2000, 400) },
  );
});
