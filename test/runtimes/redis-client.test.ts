/**
 * The client of Redis when Redis is down, hangs, loses its data, is full, or has data of other software.
 * @module
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redisLimiter } from "../../runtime/limiters/redis.ts";
import { connectRedis, type RedisOptions, redisStore } from "../../runtime/stores/redis.ts";
import {
  ask,
  noRedis,
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from "../support/redis.ts";
import { systemClock as clock } from "../support/system-clock.ts";

const SCRIPT = "return {KEYS[1], ARGV[1]}";
/** Shorter than all operations here. */
const SHORT_MS = 300;
/** Longer than a connect takes, also on a busy machine. */
const PATIENT_MS = 3000;
/** Longer than all operations here. */
const LONG_MS = 60_000;

/** Retries until it succeeds. */
async function recovered<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + LONG_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/**
 * A proxy to a server. It can stop to forward its connections, which stay open, and it can delay their
 * answers.
 */
async function startWay(port: number) {
  const passages: { near: Socket; far: Socket }[] = [];
  const sockets = () => passages.flatMap(({ near, far }) => [near, far]);
  const way = createServer((near) => {
    const far = connect(port, "127.0.0.1");
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.pipe(to).on("error", () => {});
      from.on("close", () => to.destroy());
    }
    passages.push({ near, far });
  });
  await new Promise<void>((resolve) => way.listen(0, "127.0.0.1", resolve));
  return {
    port: (way.address() as AddressInfo).port,
    forget() {
      for (const socket of sockets()) socket.unpipe();
    },
    /** Delays the answers of all connections. @returns a function that releases them. */
    hold(): () => void {
      const held = [...passages];
      for (const { far } of held) far.unpipe();
      return () => {
        for (const { near, far } of held) far.pipe(near);
      };
    },
    async close() {
      for (const socket of sockets()) socket.destroy();
      await new Promise((resolve) => way.close(resolve));
    },
  };
}

type Way = Awaited<ReturnType<typeof startWay>>;

describe.skipIf(noRedis !== undefined)(noRedis ?? "the Redis client", () => {
  let server: RedisServer;

  beforeAll(async () => {
    server = await startRedis();
  });

  afterAll(() => server?.stop());

  async function using(
    work: (redis: ReturnType<typeof connectRedis>) => Promise<void>,
    { url = server.url, timeoutMs = LONG_MS }: Partial<RedisOptions> = {},
  ): Promise<void> {
    const redis = connectRedis({ url, timeoutMs, clock });
    try {
      await work(redis);
    } finally {
      await redis.close();
    }
  }

  /** The same through such a proxy. */
  async function usingWay(
    timeoutMs: number,
    work: (redis: ReturnType<typeof connectRedis>, way: Way) => Promise<void>,
  ): Promise<void> {
    const way = await startWay(server.port);
    try {
      await using((redis) => work(redis, way), { url: `redis://127.0.0.1:${way.port}`, timeoutMs });
    } finally {
      await way.close();
    }
  }

  test("loads a script again that the server has lost", () =>
    using(async (redis) => {
      expect(await redis.run(SCRIPT, "key", "one")).toEqual(["millrace:key", "one"]);
      await ask(server.port, "SCRIPT", "FLUSH");
      const many = Array.from({ length: 20 }, (_, n) => redis.run(SCRIPT, "key", `${n}`));
      expect(await Promise.all(many)).toEqual(many.map((_, n) => ["millrace:key", `${n}`]));
    }));

  test("fails fast while the server is down, and reconnects with all acknowledged writes", () =>
    using(async (redis) => {
      const store = redisStore({ redis, clock });
      const limiter = redisLimiter({ redis });
      const rate = { limit: 5, windowMs: 3_600_000 };
      const put = await store.put("kept", "value");
      for (let n = 0; n < 3; n++) await limiter.take("kept", rate);
      await server.kill();
      for (let n = 0; n < 100; n++) {
        await expect(store.get("kept")).rejects.toThrow(/^Redis at 127\.0\.0\.1:\d+: .*\(is Redis running/);
      }
      await expect(limiter.take("kept", rate)).rejects.toThrow("Redis at 127.0.0.1:");
      await server.restart();
      const entry = await recovered(async () => store.get("kept"));
      expect(entry).toMatchObject({ value: "value", version: put.ok && put.version });
      expect(await store.put("kept", "new", { ifVersion: entry!.version })).toMatchObject({ ok: true });
      expect(await limiter.take("kept", rate)).toMatchObject({ admitted: true, remaining: 1 });
    }));

  test("connects to a server that starts later", () =>
    using(async (redis) => {
      await server.kill();
      await expect(redis.send("GET", "key")).rejects.toThrow("ECONNREFUSED");
      await server.restart();
      expect(await recovered(() => redis.send("GET", "absent"))).toBeNull();
    }));

  test("times out while the server is suspended, and recovers afterwards", () =>
    using(
      async (redis) => {
        await redis.send("SET", "key", "value");
        server.freeze();
        try {
          const silent = Array.from({ length: 50 }, () => redis.send("GET", "key"));
          for (const one of await Promise.allSettled(silent)) {
            expect(one).toMatchObject({ status: "rejected" });
            expect(`${(one as PromiseRejectedResult).reason}`).toContain(`no answer within ${SHORT_MS} ms`);
          }
        } finally {
          server.unfreeze();
        }
        expect(await recovered(() => redis.send("GET", "key"))).toBe("value");
      },
      { timeoutMs: SHORT_MS },
    ));

  test("times out if the server never answers", () =>
    using(
      async (redis) => {
        server.freeze();
        try {
          await expect(redis.send("GET", "key")).rejects.toThrow(`no answer within ${SHORT_MS} ms`);
        } finally {
          server.unfreeze();
        }
        await recovered(() => redis.send("SET", "key", "value"));
      },
      { timeoutMs: SHORT_MS },
    ));

  test("replaces a dead connection", () =>
    usingWay(SHORT_MS, async (redis, way) => {
      await recovered(() => redis.send("SET", "key", "value"));
      way.forget();
      await expect(redis.send("GET", "key")).rejects.toThrow(`no answer within ${SHORT_MS} ms`);
      expect(await recovered(() => redis.send("GET", "key"))).toBe("value");
    }));

  test("waits for pending answers of a connection that it replaces", () =>
    usingWay(PATIENT_MS, async (redis, way) => {
      await redis.send("SET", "key", "value");
      const release = way.hold();
      await expect(redis.send("GET", "key")).rejects.toThrow(`no answer within ${PATIENT_MS} ms`);
      const late = redis.send("GET", "key");
      // While answers are delayed, an answer comes from the new connection.
      let isLeft = false;
      const left = () => {
        isLeft = true;
      };
      while (!isLeft) {
        redis.send("GET", "key").then(left, () => {});
        await Promise.race([late, new Promise((resolve) => setTimeout(resolve, 5))]);
      }
      release();
      expect(await late).toBe("value");
    }));

  test("rejects commands when too many are pending", () =>
    using(
      async (redis) => {
        await redis.send("SET", "key", "value");
        server.freeze();
        try {
          const many = Array.from({ length: 25_000 }, () => redis.send("GET", "key"));
          const reasons = new Map<string, number>();
          for (const one of await Promise.allSettled(many)) {
            const reason = `${(one as PromiseRejectedResult).reason}`.replace(/.*?: .*?: /, "");
            reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
          }
          expect([...reasons.keys()].toSorted()).toEqual([
            expect.stringMatching(/full/),
            expect.stringMatching(/no answer/),
          ]);
        } finally {
          server.unfreeze();
        }
        expect(await recovered(() => redis.send("GET", "key"))).toBe("value");
      },
      { timeoutMs: PATIENT_MS },
    ));

  test("rejects writes that a full server cannot store", async () => {
    const full = await startRedis(["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    try {
      await using(
        async (redis) => {
          const store = redisStore({ redis, clock });
          const fill = async () => {
            for (let n = 0; n < 1000; n++) await store.put(`key${n}`, "v".repeat(10_000));
          };
          await expect(fill()).rejects.toThrow(/OOM .*\(raise its maxmemory/);
          expect((await store.get("key0"))?.value).toBe("v".repeat(10_000));
        },
        { url: full.url },
      );
    } finally {
      await full.stop();
    }
  });

  test("reports a wrong password without its text", async () => {
    const secured = await startRedis(["--requirepass", "the-right-one"]);
    const at = (user: string) => secured.url.replace("//", `//${user}@`);
    try {
      await using(async (redis) => void (await redis.send("SET", "key", "value")), {
        url: at(":the-right-one"),
      });
      for (const url of [secured.url, at(":the-wrong-one"), at("somebody:the-wrong-one")]) {
        await using(
          async (redis) => {
            const error = await redis.send("GET", "key").then(String, (reason: Error) => reason);
            expect(String(error)).toMatch(/put the right user and password into the URL/);
            expect(String(error) + String((error as Error).cause)).not.toContain("-one");
          },
          { url },
        );
      }
    } finally {
      await secured.stop();
    }
  });

  test("reports keys of other software under its prefix", () =>
    using(async (redis) => {
      await ask(server.port, "HSET", "millrace:entry:theirs", "field", "value");
      const store = redisStore({ redis, clock });
      await expect(store.get("theirs")).rejects.toThrow(/WRONGTYPE .*\?prefix=/);
    }));

  test("rejects several servers that are not a Cluster", async () => {
    await using(
      async (redis) =>
        void (await expect(redis.send("GET", "key")).rejects.toThrow(/Cluster; name only one host/)),
      {
        url: `${server.url},127.0.0.1:1`,
      },
    );
  });

  test("close waits for pending commands", async () => {
    const redis = connectRedis({ url: server.url, timeoutMs: LONG_MS, clock });
    const puts = Array.from({ length: 200 }, (_, n) => redis.send("SET", `late${n}`, "value"));
    await redis.close();
    expect(new Set(await Promise.all(puts))).toEqual(new Set(["OK"]));
    expect(await ask(server.port, "EXISTS", ...puts.map((_, n) => `millrace:late${n}`))).toBe("200");
  });

  describe("with a Cluster", () => {
    let cluster: RedisCluster;

    beforeAll(async () => {
      cluster = await startRedisCluster();
    });

    afterAll(() => cluster?.stop());

    const names = Array.from({ length: 90 }, (_, n) => `key${n}`);

    test("connects through any named node that is up", async () => {
      const urls = [cluster.nodes[1]!.url, `redis://127.0.0.1:1,127.0.0.1:${cluster.nodes[2]!.port}`];
      for (const url of urls) {
        await using(
          async (redis) => {
            await Promise.all(names.map((name) => redis.send("SET", name, url)));
            const found: string[] = [];
            await redis.scan("key", (keys) => found.push(...keys));
            expect(found.toSorted()).toEqual(names.toSorted());
          },
          { url },
        );
      }
      for (const { port } of cluster.nodes) expect(Number(await ask(port, "DBSIZE"))).toBeGreaterThan(10);
    });

    test("rejects a database number", () =>
      using(
        async (redis) =>
          void (await expect(redis.send("GET", "key")).rejects.toThrow(/leave the number out/)),
        {
          url: `${cluster.url}/1`,
        },
      ));

    test("fails for the slots of a dead node only, and recovers when it is back", () =>
      using(
        async (redis) => {
          await Promise.all(names.map((name) => redis.send("SET", name, "value")));
          await cluster.nodes[1]!.kill();
          const results = await Promise.allSettled(names.map((name) => redis.send("GET", name)));
          expect(results.filter(({ status }) => status === "rejected").length).toBeGreaterThan(10);
          await cluster.nodes[1]!.restart();
          await recovered(async () => {
            expect(await Promise.all(names.map((name) => redis.send("GET", name)))).toEqual(
              names.map(() => "value"),
            );
          });
        },
        { url: cluster.url },
      ));
  });
});
