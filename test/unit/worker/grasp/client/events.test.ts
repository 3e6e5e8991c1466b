import { createHash } from "node:crypto";
import { verifySchnorr } from "tiny-secp256k1";
import { expect, test } from "vitest";
import { canonicalText } from "../../../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../../../runtime/grasp/npub.ts";
import {
  addressesOn,
  announcementTags,
  dateAfter,
  stateTags,
} from "../../../../../worker/grasp/client/events.ts";
import { newSecretKey, signerOf } from "../../../../../worker/grasp/client/signer.ts";

const me = signerOf(newSecretKey());
const repository = addressesOn(new URL("https://git.example/base/"), me.key, "a b");

test("the addresses of a repository have the server's base path and an encoded identifier", () => {
  expect(repository).toEqual({
    clone: `https://git.example/base/${toNpub(me.key)}/a%20b.git`,
    relay: "wss://git.example/base",
  });
});

test("a new version of an announcement keeps what the old one says", () => {
  const old = [
    ["d", "a b"],
    ["name", "A and B"],
    ["clone", "https://other.example/x.git"],
    ["relays", "wss://other.example"],
    ["maintainers", "11".repeat(32)],
    ["r", "22".repeat(20), "euc"],
    ["t", "tools"],
  ];
  const before = me.sign(30617, old, 1000);
  const facts = {
    identifier: "a b",
    servers: [repository],
    maintainers: ["33".repeat(32)],
    rootCommit: "44".repeat(20),
  };
  expect(announcementTags({ ...facts, before })).toEqual([
    ["d", "a b"],
    ["name", "A and B"],
    ["r", "22".repeat(20), "euc"],
    ["t", "tools"],
    ["clone", "https://other.example/x.git", repository.clone],
    ["relays", "wss://other.example", repository.relay],
    ["maintainers", "11".repeat(32), "33".repeat(32)],
  ]);
  expect(announcementTags({ ...facts, maintainers: [] })).toEqual([
    ["d", "a b"],
    ["name", "a b"],
    ["clone", repository.clone],
    ["relays", repository.relay],
    ["r", "44".repeat(20), "euc"],
  ]);
});

test("a state names each ref, and HEAD if a branch is checked out", () => {
  const refs = new Map([["refs/heads/main", "55".repeat(20)]]);
  expect(stateTags("x", refs, "refs/heads/main")).toEqual([
    ["d", "x"],
    ["refs/heads/main", "55".repeat(20)],
    ["HEAD", "ref: refs/heads/main"],
  ]);
  expect(stateTags("x", refs, null)).toHaveLength(2);
});

test("a date is never earlier than that of the event before", () => {
  expect(dateAfter(null, 50)).toBe(50);
  expect(dateAfter({ created_at: 40 }, 50)).toBe(50);
  expect(dateAfter({ created_at: 50 }, 50)).toBe(51);
  expect(dateAfter({ created_at: 90 }, 50)).toBe(91);
});

test("a signed event has the hash of its text as id, and a signature that verifies", () => {
  const event = me.sign(1618, [["c", "x"]], 1_700_000_000, "text");
  expect(event.id).toBe(createHash("sha256").update(canonicalText(event)).digest("hex"));
  const bytes = (hex: string) => Buffer.from(hex, "hex");
  expect(verifySchnorr(bytes(event.id), bytes(event.pubkey), bytes(event.sig))).toBe(true);
  expect(() => signerOf(new Uint8Array(32))).toThrow(TypeError);
});
