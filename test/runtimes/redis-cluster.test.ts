/**
 * The client on a Redis Cluster of three masters and three replicas: what it acknowledges survives a failover, and it follows keys that
 * move.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redisLimiter } from "../../runtime/limiters/redis.ts";
import { connectRedis, redisStore } from "../../runtime/stores/redis.ts";
import { slotOf } from "../../runtime/stores/redis-slots.ts";
import {
  ask,
  FIRST_SLOTS,
  noRedis,
  type RedisCluster,
  type RedisServer,
  startRedisCluster,
  waitUntil,
} from "../support/redis.ts";
import { systemClock as clock } from "../support/system-clock.ts";

/** Longer than a failover. */
const LONG_MS = 60_000;

async function recovered<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + LONG_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Keys of the store that the first master has, and keys that it does not have. */
const named = (prefix: string) => Array.from({ length: 60 }, (_, n) => `${prefix}${n}`);
const isFirst = (key: string) => slotOf(`millrace:entry:${key}`) < FIRST_SLOTS;

/** Ends the replication to a replica, which stays a member of the Cluster: its attempts to connect are refused. */
async function cut(master: RedisServer, replica: RedisServer): Promise<void> {
  await ask(replica.port, "CONFIG", "SET", "masterauth", "wrong");
  await ask(master.port, "CLIENT", "KILL", "TYPE", "replica");
}

async function join(replica: RedisServer): Promise<void> {
  await ask(replica.port, "CONFIG", "SET", "masterauth", "");
  await waitUntil([replica], "INFO replication", [/master_link_status:up/]);
}

describe.skipIf(noRedis !== undefined)(noRedis ?? "a Redis Cluster with replicas", () => {
  let cluster: RedisCluster;

  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: 1 });
  });

  afterAll(() => cluster?.stop());

  const open = (more = "") =>
    redisStore({ redis: connectRedis({ url: `${cluster.url}/${more}`, timeoutMs: 3000, clock }), clock });

  test("computes the slots that Redis computes", async () => {
    for (const key of ["", "a", "{a}b", "a{}b", "{{a}}", "ä{ö}ü", "a{b", "a}b{c}d", "{a\n}b"]) {
      expect(slotOf(key), key).toBe(Number(await ask(cluster.nodes[0]!.port, "CLUSTER", "KEYSLOT", key)));
    }
  });

  test("follows a slot that moves from one master to another, key by key", async () => {
    const [from, to] = cluster.nodes as [(typeof cluster.nodes)[0], (typeof cluster.nodes)[0]];
    const slot = `${slotOf("tag")}`;
    const [holder, taker] = slotOf("tag") < FIRST_SLOTS ? [from, to] : [to, from];
    expect(slotOf("tag")).toBeLessThan(2 * FIRST_SLOTS);
    const [holderId, takerId] = [
      await ask(holder.port, "CLUSTER", "MYID"),
      await ask(taker.port, "CLUSTER", "MYID"),
    ];
    const redis = connectRedis({ url: cluster.url, timeoutMs: 3000, clock });
    try {
      const keys = Array.from({ length: 20 }, (_, n) => `{tag}${n}`);
      for (const key of keys) await redis.send("SET", key, "before");
      await ask(taker.port, "CLUSTER", "SETSLOT", slot, "IMPORTING", holderId);
      await ask(holder.port, "CLUSTER", "SETSLOT", slot, "MIGRATING", takerId);
      const moved = keys.slice(0, 10).map((key) => `millrace:${key}`);
      await ask(holder.port, "MIGRATE", "127.0.0.1", `${taker.port}`, "", "0", "5000", "KEYS", ...moved);
      const answers = await Promise.all(
        keys.map(async (key) => [await redis.send("GET", key), await redis.send("SET", key, "while")]),
      );
      expect(answers).toEqual(keys.map(() => ["before", "OK"]));
      const rest = keys.slice(10).map((key) => `millrace:${key}`);
      await ask(holder.port, "MIGRATE", "127.0.0.1", `${taker.port}`, "", "0", "5000", "KEYS", ...rest);
      for (const { port } of cluster.nodes.slice(0, 3))
        await ask(port, "CLUSTER", "SETSLOT", slot, "NODE", takerId);
      expect(await Promise.all(keys.map((key) => redis.send("GET", key)))).toEqual(keys.map(() => "while"));
      const script = "return redis.call('APPEND', KEYS[1], ARGV[1])";
      expect(await Promise.all(keys.map((key) => redis.run(script, key, "!")))).toEqual(keys.map(() => 6));
    } finally {
      await redis.close();
    }
  });

  test("acknowledges no write that a failover loses, and says which are not confirmed", async () => {
    const [master, , , replica] = cluster.nodes;
    const safe = open();
    const unsafe = open("?replicas=0");
    const limiter = redisLimiter({ redis: connectRedis({ url: cluster.url, timeoutMs: 3000, clock }) });
    const rate = { limit: 5, windowMs: 3_600_000 };
    const keys = Array.from({ length: 100 }, (_, n) => `limit${n}`);
    const counted = keys.find((key) => slotOf(`millrace:rate:${key}`) < FIRST_SLOTS)!;
    try {
      for (const key of named("kept")) expect(await safe.put(key, key)).toMatchObject({ ok: true });
      for (let n = 0; n < 3; n++) expect((await limiter.take(counted, rate)).admitted).toBe(true);

      await cut(master!, replica!);
      const writes = await Promise.allSettled(named("late").map((key) => safe.put(key, key)));
      const confirmed = named("late").filter((_, n) => writes[n]!.status === "fulfilled");
      expect(confirmed).toEqual(named("late").filter((key) => !isFirst(key)));
      const reasons = writes.flatMap((write) => (write.status === "rejected" ? [`${write.reason}`] : []));
      for (const reason of reasons) expect(reason).toMatch(/NOREPLICAS .*check the master's replicas/);
      await expect(limiter.take(counted, rate)).rejects.toThrow("NOREPLICAS");
      // Reads do not wait behind writes, and without replicas to wait for Redis acknowledges.
      for (const key of named("kept")) expect((await safe.get(key))?.value).toBe(key);
      for (const key of named("unsafe")) expect(await unsafe.put(key, key)).toMatchObject({ ok: true });

      await master!.kill();
      await recovered(() => safe.put(named("kept").find(isFirst)!, "after"));

      const present = async (name: string) => {
        const entries = await Promise.all(named(name).map((key) => safe.get(key)));
        return named(name).filter((_, n) => entries[n] !== null);
      };
      expect(await present("kept")).toEqual(named("kept"));
      expect(await present("late")).toEqual(expect.arrayContaining(confirmed));
      // What the setting is for: the replica that took over never got these.
      expect(await present("unsafe")).toEqual(named("unsafe").filter((key) => !isFirst(key)));
      // The take that was not confirmed may be counted; the limit holds.
      const takes = await Promise.all(Array.from({ length: 5 }, () => limiter.take(counted, rate)));
      expect(takes.filter(({ admitted }) => admitted).length).toBeLessThanOrEqual(2);
      expect(takes.at(-1)!.admitted).toBe(false);

      // The old master comes back as a replica; then writes wait for it again.
      await master!.restart();
      await waitUntil([master!], "INFO replication", [/role:slave/, /master_link_status:up/]);
      await safe.put(named("late").find(isFirst)!, "x");
      await cut(replica!, master!);
      await expect(safe.put(named("late").find(isFirst)!, "x")).rejects.toThrow("NOREPLICAS");
      await join(master!);
      await recovered(() => safe.put(named("late").find(isFirst)!, "x"));
    } finally {
      await Promise.all([safe.close(), unsafe.close(), limiter.close!()]);
    }
  });
});
