import { expect, test } from "vitest";
import { readMessage } from "../../../../../runtime/grasp/relay/message.ts";

const read = (value: unknown) => readMessage(JSON.stringify(value));

test("reads each type", () => {
  expect(read(["EVENT", { id: "a" }])).toEqual({ message: { type: "EVENT", event: { id: "a" } } });
  expect(read(["REQ", "s", {}, { kinds: [1] }])).toMatchObject({
    message: { type: "REQ", subscription: "s", filters: { length: 2 } },
  });
  expect(read(["COUNT", "s", {}])).toMatchObject({ message: { type: "COUNT" } });
  expect(read(["CLOSE", "s"])).toEqual({ message: { type: "CLOSE", subscription: "s" } });
  expect(read(["NEG-OPEN", "s", {}, "61"])).toMatchObject({ message: { type: "NEG-OPEN", message: "61" } });
  expect(read(["NEG-MSG", "s", "61"])).toMatchObject({ message: { type: "NEG-MSG", message: "61" } });
});

// R66: a refused message is answered under its own name where it has one.
test.each<[unknown, unknown[]]>([
  [
    ["REQ", "s"],
    ["CLOSED", "s"],
  ],
  [
    ["REQ", "s", { ids: ["x"] }],
    ["CLOSED", "s"],
  ],
  [
    ["REQ", "", {}],
    ["CLOSED", ""],
  ],
  [
    ["REQ", "x".repeat(65), {}],
    ["CLOSED", "x".repeat(65)],
  ],
  [["REQ", 1, {}], ["NOTICE"]],
  [
    ["COUNT", "s", 1],
    ["CLOSED", "s"],
  ],
  [
    ["NEG-OPEN", "s", {}, "xyz"],
    ["NEG-ERR", "s"],
  ],
  [
    ["NEG-MSG", "s", 1],
    ["NEG-ERR", "s"],
  ],
  [
    ["REQ", "s", ...Array.from({ length: 101 }, () => ({}))],
    ["CLOSED", "s"],
  ],
  [["NOTHING"], ["NOTICE"]],
  [
    ["EVENT", "abc"],
    ["OK", "abc", false],
  ],
  [
    ["AUTH", "abc"],
    ["OK", "abc", false],
  ],
  [["EVENT", { id: 1 }], ["NOTICE"]],
  [["EVENT"], ["NOTICE"]],
  [["CLOSE", 1], ["NOTICE"]],
  [[], ["NOTICE"]],
  [{}, ["NOTICE"]],
  [1, ["NOTICE"]],
])("%j is answered with %j", (value, answer) => {
  const { refusal } = read(value) as unknown as { refusal: unknown[] };
  expect(refusal.slice(0, answer.length)).toEqual(answer);
  expect(refusal.at(-1)).toMatch(/^invalid: /);
});

test("search is unsupported (R21)", () => {
  const { refusal } = read(["REQ", "s", { search: "x" }]) as unknown as { refusal: string[] };
  expect(refusal.slice(0, 2)).toEqual(["CLOSED", "s"]);
  expect(refusal[2]).toMatch(/^unsupported: /);
});

test("text that is no JSON, or nested more than 32 deep, gets a notice (O32)", () => {
  expect(readMessage("{")).toMatchObject({ refusal: { 0: "NOTICE" } });
  const deep = (levels: number) => `["REQ","s",${"[".repeat(levels)}${"]".repeat(levels)}]`;
  expect(readMessage(deep(32))).toMatchObject({ refusal: { 0: "NOTICE" } });
  expect(readMessage(deep(31))).toMatchObject({ refusal: { 0: "CLOSED" } });
  expect(readMessage(`["CLOSE","${"[".repeat(40)}"]`)).toHaveProperty("message");
});
