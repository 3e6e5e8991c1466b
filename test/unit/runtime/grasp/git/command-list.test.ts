import { describe, expect, test } from "vitest";
import {
  MAX_COMMANDS,
  MAX_LIST_BYTES,
  readCommandList,
  readRefusedList,
  ZERO_ID,
} from "../../../../../runtime/grasp/git/command-list.ts";
import {
  dataPacket,
  flushPacket,
  PktLineError,
  sideBand,
  textPacket,
} from "../../../../../runtime/grasp/git/pkt-line.ts";

const A = "a".repeat(40);
const B = "b".repeat(40);
const raw = (text: string) => new TextEncoder().encode(text);
const joined = (...parts: Uint8Array[]) => Uint8Array.from(parts.flatMap((part) => [...part]));
const list = (...lines: string[]) => joined(...lines.map((line) => dataPacket(raw(line))), flushPacket());

describe("readCommandList (A1)", () => {
  test("reads commands, capabilities and the place of the pack", () => {
    const bytes = list(
      `${ZERO_ID} ${A} refs/heads/main\0 report-status agent=git/2.39`,
      `${A} ${B} refs/tags/v1\n`,
    );
    expect(readCommandList(joined(bytes, raw("PACK")))).toEqual({
      commands: [
        { old: ZERO_ID, new: A, ref: "refs/heads/main" },
        { old: A, new: B, ref: "refs/tags/v1" },
      ],
      capabilities: new Set(["report-status", "agent=git/2.39"]),
      end: bytes.length,
    });
  });

  test("waits for the flush, at every length of what has arrived", () => {
    const bytes = list(`${ZERO_ID} ${A} refs/heads/main\0 report-status`);
    for (let length = 0; length < bytes.length; length++) {
      expect(readCommandList(bytes.subarray(0, length))).toBeNull();
    }
  });

  test("a lone flush has no command (A6, G18)", () => {
    expect(readCommandList(flushPacket())).toMatchObject({ commands: [], end: 4 });
  });

  test("shallow lines are ignored (A9)", () => {
    const bytes = list(`shallow ${A}\n`, `${ZERO_ID} ${A} refs/heads/main\0 report-status`);
    expect(readCommandList(bytes)!.commands).toHaveLength(1);
  });

  test.each<[string, Uint8Array]>([
    [
      "a push certificate (T1)",
      list("push-cert\0 report-status\n", "certificate version 0.1\n", "push-cert-end\n"),
    ],
    ["push-cert as a capability", list(`${ZERO_ID} ${A} refs/heads/main\0 push-cert=nonce`)],
    ["push-options", list(`${ZERO_ID} ${A} refs/heads/main\0 push-options`)],
    ["nothing to nothing (A7, T2)", list(`${ZERO_ID} ${ZERO_ID} refs/heads/main\0 report-status`)],
    ["upper-case ids", list(`${ZERO_ID} ${"A".repeat(40)} refs/heads/main\0`)],
    ["ids of 64 digits", list(`${"0".repeat(64)} ${"a".repeat(64)} refs/heads/main\0`)],
    ["a tab in place of a space", list(`${ZERO_ID}\t${A} refs/heads/main\0`)],
    ["a ref that Git refuses", list(`${ZERO_ID} ${A} refs/heads/a..b\0`)],
    ["a line feed in a ref", list(`${ZERO_ID} ${A} refs/heads/a\nb\0`)],
    ["a ref that occurs twice", list(`${ZERO_ID} ${A} refs/heads/a\0`, `${ZERO_ID} ${B} refs/heads/a`)],
    [
      "capabilities on a second command",
      list(`${ZERO_ID} ${A} refs/heads/a\0`, `${ZERO_ID} ${B} refs/heads/b\0 atomic`),
    ],
    ["a delimiter packet", joined(raw("0001"), flushPacket())],
    ["a response-end packet", joined(raw("0002"), flushPacket())],
    ["a length of 3", raw("0003")],
    ["a length over 65520", raw("fff1")],
    ["a length that is no hex", raw("00g0")],
    ["a list over 1 MiB", joined(...Array.from({ length: 17 }, () => dataPacket(new Uint8Array(65_000))))],
  ])("refuses %s (A2)", (_name, bytes) => {
    expect(() => readCommandList(bytes)).toThrow(PktLineError);
  });

  test.each<[string, Uint8Array, string[]]>([
    [
      "nothing to nothing",
      list(`${ZERO_ID} ${ZERO_ID} refs/heads/a\0 report-status`, `${A} ${B} refs/heads/b\n`),
      ["refs/heads/a", "refs/heads/b"],
    ],
    [
      "a ref that occurs twice",
      list(`${ZERO_ID} ${A} refs/heads/a\0 report-status`, `${ZERO_ID} ${B} refs/heads/a`),
      ["refs/heads/a"],
    ],
    [
      "a push certificate",
      list("push-cert\0 report-status\n", "certificate version 0.1\n", `${A} ${B} refs/heads/a\n`),
      ["refs/heads/a"],
    ],
    [
      "a special packet, after shallow lines",
      joined(
        list(`shallow ${A}\n`, `${A} ${B} refs/heads/a\0 report-status`).subarray(0, -4),
        raw("0001005c"),
      ),
      ["refs/heads/a"],
    ],
    ["a name that Git refuses", list(`${A} ${B} refs/heads/a..b\0 report-status`), []],
  ])("a report can be made of a list with %s (G24)", (_name, bytes, refs) => {
    expect(() => readCommandList(bytes)).toThrow(PktLineError);
    expect(readRefusedList(bytes)).toEqual({ refs, capabilities: new Set(["report-status"]) });
  });

  test.each<[string, Uint8Array]>([
    ["it has no capabilities", list(`${ZERO_ID} ${ZERO_ID} refs/heads/a`)],
    ["its first packet is broken", raw("0003")],
    ["its first packet breaks off", list(`${ZERO_ID} ${A} refs/heads/a\0 report-status`).subarray(0, 90)],
    ["its first packet has no length", raw("zzzz")],
  ])("no report can be made of a list if %s (G24)", (_name, bytes) => {
    expect(readRefusedList(bytes)).toBeNull();
  });

  test("takes 10,000 commands and refuses one more", () => {
    const lines = Array.from({ length: MAX_COMMANDS }, (_, n) => `${ZERO_ID} ${A} refs/tags/${n}`);
    expect(list(...lines).length).toBeLessThan(MAX_LIST_BYTES);
    expect(readCommandList(list(...lines))!.commands).toHaveLength(MAX_COMMANDS);
    expect(() => readCommandList(list(...lines, `${ZERO_ID} ${A} refs/tags/more`))).toThrow(PktLineError);
  });
});

test("packets have their length in front, and bands are cut to size", () => {
  expect(new TextDecoder().decode(textPacket("ok"))).toBe("0007ok\n");
  const packets = [...sideBand(1, new Uint8Array(100_000))];
  expect(packets.map((packet) => packet.length)).toEqual([65_520, 34_490]);
  expect(packets.map((packet) => packet[4])).toEqual([1, 1]);
});
