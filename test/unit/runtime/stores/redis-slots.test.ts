import { expect, test } from "vitest";
import { hasNoReplica, redirectIn, slotOf, topologyOf } from "../../../../runtime/stores/redis-slots.ts";

const asked = { host: "asked", port: 1 };

test.each([
  // The check value of CRC-16/XMODEM, and the examples of the Cluster specification.
  ["123456789", 0x31c3],
  ["", 0],
  ["{user1000}.following", slotOf("user1000")],
  ["foo{{bar}}zap", slotOf("{bar")],
  ["foo{bar}{zap}", slotOf("bar")],
])("slot of %j", (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});

test("an empty or unclosed tag does not count", () => {
  expect(slotOf("foo{}{bar}")).not.toBe(slotOf("bar"));
  expect(slotOf("{bar")).not.toBe(slotOf("bar"));
});

test("a topology has the master of each slot, and all nodes", () => {
  const { masters, nodes } = topologyOf(
    [
      [0, 1, ["a", 1, "id-a"], ["b", 2, "id-b"]],
      [3, 16383, [null, 3, "id-c"], ["", 4, "id-d"], ["?", 5, "id-e"]],
    ],
    asked,
  );
  expect(masters.length).toBe(16384);
  expect([0, 1, 2, 3, 16383].map((slot) => masters[slot]?.port)).toEqual([1, 1, undefined, 3, 3]);
  expect([...nodes.keys()]).toEqual(["a:1", "b:2", "asked:3", "asked:4", "asked:5"]);
});

test.each([
  ["MOVED 3999 127.0.0.1:6381", { node: { host: "127.0.0.1", port: 6381 }, isAsk: false }],
  ["ASK 3999 ::1:6381", { node: { host: "::1", port: 6381 }, isAsk: true }],
  ["MOVED 3999 :6381", { node: { host: "asked", port: 6381 }, isAsk: false }],
  ["MOVED 3999 ?:6381", { node: { host: "asked", port: 6381 }, isAsk: false }],
  ["ERR unknown command MOVED 3999 127.0.0.1:6381", null],
  ["CLUSTERDOWN Hash slot not served", null],
])("%s", (message, redirect) => {
  expect(redirectIn(message, asked)).toEqual(redirect);
});

const self = "aaa 10.0.0.1:1@2 myself,master - 0 0 1 connected 0-5460";
const other = "bbb 10.0.0.2:1@2 master - 0 0 2 connected 5461-16383";
const replica = (flags: string, master = "aaa") => `ccc 10.0.0.3:1@2 ${flags} ${master} 0 0 1 connected`;
const state = (text: string) =>
  `role:master\r\nconnected_slaves:1\r\nslave0:ip=10.0.0.3,port=1,state=${text},offset=1,lag=0\r\n`;
const none = "role:master\r\nconnected_slaves:0\r\n";

test.each<[string, string[], string, boolean]>([
  ["none", [self, other], none, true],
  ["another master's", [self, other, replica("slave", "bbb")], none, true],
  ["one that is in sync", [self, other, replica("slave")], state("online"), false],
  ["one that is not connected", [self, other, replica("slave")], none, false],
  ["one that this master suspects alone", [self, other, replica("slave,fail?")], none, false],
  ["one that the Cluster has given up", [self, other, replica("slave,fail")], none, true],
  ["one that gets its first copy", [self, other, replica("slave")], state("send_bulk"), true],
  ["one in sync, and one given up", [self, replica("slave,fail"), replica("slave")], state("online"), false],
  [
    "one that gets its first copy, and one that is not connected",
    [self, replica("slave"), replica("slave")],
    state("wait_bgsave"),
    false,
  ],
])("whether a master has no replica: %s", (_name, nodes, info, expected) => {
  expect(hasNoReplica(`${nodes.join("\n")}\n`, info)).toBe(expected);
});

test("a replica that comes back to a master which had none counts from its first copy on", () => {
  const nodes = `${self}\n${replica("slave")}\n`;
  expect(hasNoReplica(nodes, none, true)).toBe(true);
  expect(hasNoReplica(nodes, state("online"), true)).toBe(false);
});

test("a node that is not a master may have replicas elsewhere", () => {
  expect(hasNoReplica(`${self.replace("master", "slave")}\n${other}\n`, none)).toBe(false);
});
