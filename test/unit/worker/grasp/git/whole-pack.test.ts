import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { packStart } from "../../../../../runtime/grasp/git/pack-answer.ts";
import { flushPacket, joinPackets, sideBand } from "../../../../../runtime/grasp/git/pkt-line.ts";
import { packSource } from "../../../../../worker/grasp/git/whole-pack.ts";

const PACK = randomBytes(3_000_001);
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "millrace-pack-"));
  writeFileSync(join(folder, "a.pack"), PACK);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Reads an answer whose connection holds pieces until it is told to send them. */
async function read(sent: ((taken: number) => number) | null) {
  const file = await open(join(folder, "a.pack"));
  let taken = 0;
  const source = packSource({ file, bytes: PACK.length }, 2, sent && (() => sent(taken)));
  const held: { piece: Uint8Array; copy: Buffer }[] = [];
  for (let piece = await source.next(); piece !== null; piece = await source.next()) {
    // What was not told as sent is as it was.
    for (const { piece, copy } of held.filter((_, n) => sent === null || n >= held.length - 2))
      expect(copy.equals(piece)).toBe(true);
    held.push({ piece, copy: Buffer.from(piece) });
    taken += piece.length;
  }
  source.close();
  const answer = Buffer.concat(held.map(({ copy }) => copy));
  const memories = new Set(held.map(({ piece }) => piece.buffer)).size;
  return { answer, pieces: held.length, memories, bytes: source.bytes };
}

const whole = () => Buffer.from(joinPackets([packStart(2), ...sideBand(1, PACK), flushPacket()]));

test("a pack in packets; each piece has memory of its own where nothing is known of the connection", async () => {
  const { answer, pieces, memories, bytes } = await read(null);
  expect([answer.equals(whole()), bytes, memories]).toEqual([true, answer.length, pieces]);
});

test("memory is used again once its bytes are out, and not before (V8, G19)", async () => {
  // Two pieces are always under way.
  const sizes: number[] = [];
  const { answer, pieces, memories } = await read((taken) => {
    sizes.push(taken);
    return sizes.at(-3) ?? 0;
  });
  expect(answer.equals(whole())).toBe(true);
  expect(pieces).toBeGreaterThan(10);
  expect(memories).toBeLessThanOrEqual(4);
  const held = await read(() => 0);
  expect([held.answer.equals(whole()), held.memories]).toEqual([true, held.pieces]);
});
