/**
 * Redis fails over behind one address: the old master keeps its connections, and answers reads.
 * A connection that only rejects commands is replaced, and readiness reports what cannot be written.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redisLimiter } from "../../runtime/limiters/redis.ts";
import { connectRedis, redisStore } from "../../runtime/stores/redis.ts";
import { edgeCookie } from "../../worker/entries/node.ts";
import { ask, noRedis, type RedisServer, startRedis } from "../support/redis.ts";
import { systemClock as clock } from "../support/system-clock.ts";

/** Longer than all operations here. */
const LONG_MS = 60_000;
/** Delay between two connections that are opened because servers reject commands, in milliseconds. */
const RETRY_MS = 250;
const RATE = { limit: 1000, windowMs: 3_600_000 };

const settled = () => new Promise((resolve) => setTimeout(resolve, 10));

/** Retries until it succeeds. */
async function recovered<T>(work: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + LONG_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await settled();
    }
  }
}

async function listening(onSocket: (near: Socket) => void) {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections++;
    sockets.add(near);
    near.on("error", () => {}).on("close", () => sockets.delete(near));
    onSocket(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** An address that sends new connections to one server; existing ones stay. */
async function startAddress(first: number) {
  let port = first;
  const address = await listening((near) => {
    const far = connect(port, "127.0.0.1");
    far.on("error", () => near.destroy()).on("close", () => near.destroy());
    near.on("close", () => far.destroy());
    near.pipe(far).pipe(near);
  });
  return {
    ...address,
    lead(next: number) {
      port = next;
    },
  };
}

/** A server with given replies in Redis's protocol for each command, by connection number. */
async function startFake(reply: (command: string, connection: number) => string) {
  let connections = 0;
  const commands: string[] = [];
  const fake = await listening((near) => {
    const connection = ++connections;
    let text = "";
    near.setEncoding("latin1").on("data", (part: string) => {
      text += part;
      for (;;) {
        const match = /^\*(\d+)\r\n/.exec(text);
        if (match === null) return;
        const words: string[] = [];
        let at = match[0].length;
        for (let n = 0; n < Number(match[1]); n++) {
          const size = /^\$(\d+)\r\n/.exec(text.slice(at));
          if (size === null) return;
          at += size[0].length;
          words.push(text.slice(at, at + Number(size[1])));
          at += Number(size[1]) + 2;
        }
        if (at > text.length) return;
        text = text.slice(at);
        const [command = ""] = words;
        if (command === "HELLO")
          near.write("%2\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n");
        else if (command === "CLIENT") near.write("+OK\r\n");
        else {
          commands.push(command);
          near.write(reply(command, connection));
        }
      }
    });
  });
  return { ...fake, commands };
}

describe("a server that rejects commands", () => {
  const words = [
    "READONLY You can't write against a read only replica.",
    "ERR Error running script: @user_script:15: -READONLY You can't write against a read only replica.",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "NOAUTH Authentication required.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "TRYAGAIN Multiple keys request during rehashing of slot",
  ];

  test.each(words)("%s: the operation is retried on another connection", async (refusal) => {
    let refuses = false;
    const fake = await startFake((_command, connection) =>
      refuses && connection === 1 ? `-${refusal}\r\n` : "+OK\r\n",
    );
    const redis = connectRedis({ url: fake.url, timeoutMs: LONG_MS, clock });
    try {
      await redis.send("SET", "key", "value");
      // A new connection is not replaced at once.
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      refuses = true;
      const many = Array.from({ length: 20 }, () => redis.send("SET", "key", "value"));
      expect(new Set(await Promise.all(many))).toEqual(new Set(["OK"]));
      expect(fake.connections()).toBe(2);
    } finally {
      await redis.close();
      await fake.close();
    }
  });

  test.each([
    "OOM command not allowed",
    "WRONGTYPE Operation against a key",
    "ERR unknown command",
    "NOPERM no",
  ])("%s: another connection would not help, and none is opened", async (refusal) => {
    const fake = await startFake(() => `-${refusal}\r\n`);
    const redis = connectRedis({ url: fake.url, timeoutMs: LONG_MS, clock });
    try {
      for (let n = 0; n < 20; n++) {
        await expect(redis.send("SET", "key", "value")).rejects.toThrow(refusal);
      }
      expect([fake.connections(), fake.commands.length]).toEqual([1, 20]);
    } finally {
      await redis.close();
      await fake.close();
    }
  });

  test("a server that always rejects gets a bounded rate of attempts", async () => {
    const fake = await startFake(() => "-LOADING Redis is loading the dataset in memory\r\n");
    const redis = connectRedis({ url: fake.url, timeoutMs: LONG_MS, clock });
    try {
      const began = performance.now();
      for (let n = 0; n < 300; n++) {
        await expect(redis.send(n % 2 ? "GET" : "SET", "key")).rejects.toThrow("still reading its data");
      }
      const most = 2 + (2 * (performance.now() - began)) / RETRY_MS;
      expect(fake.connections()).toBeLessThanOrEqual(most);
    } finally {
      await redis.close();
      await fake.close();
    }
  });
});

describe.skipIf(noRedis !== undefined)(noRedis ?? "a failover behind one address", () => {
  let one: RedisServer;
  let other: RedisServer;
  let master: RedisServer;

  beforeAll(async () => {
    [one, other] = await Promise.all([startRedis(), startRedis()]);
    master = one;
    await follow(other, one);
  });

  afterAll(() => Promise.all([one?.stop(), other?.stop()]));

  /** Makes a server a replica, and waits until it has its master's data. */
  async function follow(replica: RedisServer, leader: RedisServer): Promise<void> {
    await ask(replica.port, "REPLICAOF", "127.0.0.1", `${leader.port}`);
    await recovered(async () => {
      expect(await ask(replica.port, "INFO", "replication")).toContain("master_link_status:up");
    });
  }

  /** The replica becomes the master, and the other way round. @returns the port of the new master */
  async function failOver(): Promise<number> {
    const [old, next] = master === one ? [one, other] : [other, one];
    await recovered(async () => {
      const offset = async ({ port }: RedisServer) =>
        /master_repl_offset:(\d+)/.exec(await ask(port, "INFO", "replication"))![1];
      expect(await offset(next)).toBe(await offset(old));
    });
    await ask(next.port, "REPLICAOF", "NO", "ONE");
    await follow(old, next);
    master = next;
    return next.port;
  }

  test("writes, conditions and limits move to the new master without loss", async () => {
    const address = await startAddress(master.port);
    const [forStore, forLimiter] = [1, 2].map(() =>
      connectRedis({ url: address.url, timeoutMs: LONG_MS, clock }),
    );
    const store = redisStore({ redis: forStore!, clock });
    const limiter = redisLimiter({ redis: forLimiter! });
    try {
      const put = await store.put("key", "before");
      await limiter.take("followed", RATE);
      address.lead(await failOver());
      const version = put.ok ? put.version : "";
      expect(await recovered(() => store.put("key", "after", { ifVersion: version }))).toMatchObject({
        ok: true,
      });
      expect(await recovered(async () => limiter.take("followed", RATE))).toMatchObject({ remaining: 998 });
      expect((await store.get("key"))?.value).toBe("after");
      expect(await ask(master.port, "EXISTS", "millrace:entry:key")).toBe("1");
      // One connection to each server, not one for each operation.
      expect(address.connections()).toBeLessThanOrEqual(6);
    } finally {
      await store.close();
      await limiter.close!();
      await address.close();
    }
  });

  test("reads move to the new master without a write", async () => {
    const address = await startAddress(master.port);
    const reader = redisStore({
      redis: connectRedis({ url: address.url, timeoutMs: LONG_MS, clock }),
      clock,
    });
    try {
      await reader.get("news");
      address.lead(await failOver());
      const old = master === one ? other : one;
      // It gets no data of the new master, so its answers are old.
      await ask(old.port, "REPLICAOF", "127.0.0.1", "1");
      const writer = redisStore({
        redis: connectRedis({ url: master.url, timeoutMs: LONG_MS, clock }),
        clock,
      });
      await writer.put("news", "new");
      await writer.close();
      await recovered(async () => {
        expect((await reader.get("news"))?.value).toBe("new");
      });
      await follow(old, master);
    } finally {
      await reader.close();
      await address.close();
    }
  });

  test("reads and writes fail with a reason while the address leads to the old master", async () => {
    const address = await startAddress(master.port);
    const store = redisStore({ redis: connectRedis({ url: address.url, timeoutMs: LONG_MS, clock }), clock });
    try {
      await store.put("key", "value");
      const port = await failOver();
      await expect(store.put("key", "value")).rejects.toThrow(
        /READONLY .*\(this is a replica; name its master\)/,
      );
      for (let n = 0; n < 50; n++) await expect(store.get("key")).rejects.toThrow("READONLY");
      address.lead(port);
      expect(await recovered(() => store.put("key", "new"))).toMatchObject({ ok: true });
      expect((await store.get("key"))?.value).toBe("new");
    } finally {
      await store.close();
      await address.close();
    }
  });

  test("no partner gets 'not found' because of an old master", async () => {
    const address = await startAddress(master.port);
    const key = "the-key-of-the-partner-who-uploads";
    const options = {
      publisher: { domain: "publisher.example" },
      passphrases: ["publisher-chosen-secret"],
      log: { debug() {}, info() {}, warn() {}, error() {} },
      partners: [{ id: "brings", apiKey: key, batchRateLimit: 1_000_000 }],
    };
    const before = edgeCookie({ ...options, store: address.url, limiter: address.url })(
      () => new Response("page"),
    );
    const upload = async (ids: readonly string[]) => {
      const response = await before(
        new Request("https://publisher.example/_ts/api/v1/sync", {
          method: "POST",
          headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
          body: JSON.stringify({ mappings: ids.map((ec_id) => ({ ec_id, partner_uid: "u", timestamp: 1 })) }),
        }),
        undefined as never,
      );
      return { status: response.status, body: await response.text() };
    };
    try {
      const { identity, store } = before.service(undefined as never).services;
      const ids = Array.from({ length: 5 }, () => identity.mint("203.0.113.1"));
      expect((await upload(ids)).body).toContain("ec_id_not_found");
      const port = await failOver();
      const old = master === one ? other : one;
      // From now on the old master gets no writes.
      await ask(old.port, "REPLICAOF", "127.0.0.1", "1");
      const entry = { v: 1, created: 1, consent: { ok: true, updated: 1 }, geo: { country: "JP" }, ids: {} };
      const writer = redisStore({
        redis: connectRedis({ url: master.url, timeoutMs: LONG_MS, clock }),
        clock,
      });
      for (const id of ids) await writer.put(`ec:${id}`, JSON.stringify(entry), { metadata: {} });
      await writer.close();
      const unfollowed = await upload(ids);
      expect(unfollowed.body).not.toContain("ec_id_not_found");
      expect(unfollowed.status).toBe(503);
      address.lead(port);
      await recovered(async () => {
        const { status, body } = await upload(ids);
        expect(body).not.toContain("ec_id_not_found");
        expect([status, JSON.parse(body).accepted]).toEqual([200, ids.length]);
      });
      expect((await store.get(`ec:${ids[0]}`))?.value).toContain('"u"');
      await follow(old, master);
    } finally {
      await before.close();
      await address.close();
    }
  });
});
