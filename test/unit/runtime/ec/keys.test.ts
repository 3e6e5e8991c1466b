import fc from "fast-check";
import { expect, test } from "vitest";
import * as keys from "../../../../runtime/ec/keys.ts";

const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
const id = fc.stringMatching(/^[0-9a-f]{64}\.[A-Za-z0-9]{6}$/);
const ip = fc.oneof(fc.ipV4(), fc.stringMatching(/^[0-9a-f]{16}$/), fc.constant(null));
// Names of other kinds are valid ids of partners.
const partner = fc.oneof(
  fc.stringMatching(/^[a-z0-9_-]{1,32}$/),
  fc.constantFrom("ec", "pull", "pulls", "pixel", "batch", "mint", "adopt", "end", "start", "sync"),
);

/** Each kind of key, with every argument that can reach it. */
const KINDS: Record<string, fc.Arbitrary<string>> = {
  seenKey: id.map(keys.seenKey),
  seenByKey: ip.map(keys.seenByKey),
  eidsKey: fc
    .tuple(id, fc.option(fc.string()), fc.option(fc.string()))
    .map(([of, eids, sharedId]) => keys.eidsKey(of, { eids, sharedId })),
  eidsByKey: ip.map(keys.eidsByKey),
  strangersKey: ip.map(keys.strangersKey),
  pauseKey: fc.tuple(fc.nat(), id).map(([generation, of]) => keys.pauseKey(generation, of)),
  mintKey: hash.map(keys.mintKey),
  adoptKey: hash.map(keys.adoptKey),
  endKey: ip.map(keys.endKey),
  pullGroupKey: hash.map(keys.pullGroupKey),
  pullKey: fc.tuple(partner, hash).map(([of, its]) => keys.pullKey(of, its)),
  pixelKey: fc.tuple(partner, hash).map(([of, its]) => keys.pixelKey(of, its)),
  pixelListKey: hash.map(keys.pixelListKey),
  batchKey: partner.map(keys.batchKey),
  START_KEY: fc.constant(keys.START_KEY),
};

/** The kind of a key: what follows `ec:`, or that it is an id. */
const kindOf = (key: string) => (/^[0-9a-f]{64}\.[A-Za-z0-9]{6}$/.test(key) ? "id" : key.split(":", 2)[1]);

test("the table of kinds covers every key of the module", () => {
  expect(Object.keys(KINDS).sort()).toEqual(Object.keys(keys).sort());
});

test("keys of different kinds never collide, whatever their parts are", () => {
  const kinds = new Map<string | undefined, string>();
  for (const [name, arbitrary] of Object.entries(KINDS)) {
    const found = new Set(fc.sample(arbitrary, 200).map(kindOf));
    expect(found.size).toBe(1);
    const [kind] = found;
    expect(kinds.get(kind)).toBeUndefined();
    kinds.set(kind, name);
  }
});

test("no key begins as a key of the sync engine or of the readiness probe does", () => {
  for (const arbitrary of Object.values(KINDS)) {
    for (const key of fc.sample(arbitrary, 50)) expect(key).not.toMatch(/^(?:sync:|ready)/);
  }
});

test("two partners never share a key, nor do two hashes", () => {
  fc.assert(
    fc.property(partner, partner, hash, hash, (a, b, one, other) => {
      if (a === b && one === other) return;
      expect(keys.pullKey(a, one)).not.toBe(keys.pullKey(b, other));
      expect(keys.pixelKey(a, one)).not.toBe(keys.pixelKey(b, other));
    }),
  );
});
