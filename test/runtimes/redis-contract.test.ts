/**
 * The contract suites on a real Redis server and a real Redis Cluster, run by each runtime.
 * @module
 */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { redisSuites } from "../contract/redis.ts";
import {
  noRedis,
  type RedisCluster,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from "../support/redis.ts";
import { type ProcessRuntime, root, runtimes } from "../support/spawn.ts";

const names = ["Redis", "Redis Cluster"];
const cases = names
  .flatMap((name) => Object.entries(redisSuites(name, "redis://nowhere.invalid")))
  .flatMap(([suite, list]) => list.map(({ name }) => ({ suite, name })));

describe.skipIf(noRedis !== undefined)(noRedis ?? "contract suites", () => {
  let server: RedisServer;
  let cluster: RedisCluster;

  beforeAll(async () => {
    [server, cluster] = await Promise.all([startRedis(), startRedisCluster({ replicas: 1 })]);
  });

  afterAll(async () => {
    await Promise.all([server?.stop(), cluster?.stop()]);
  });

  describe.each(Object.keys(runtimes) as ProcessRuntime[])("on %s", (runtime) => {
    let results: { suite: string; name: string; fault: string | null }[] = [];

    beforeAll(async () => {
      const [command, ...first] = runtimes[runtime];
      const script = join(root, "test/contract/redis-run.ts");
      const urls = [server.url, cluster.url];
      const args = [...first, script, ...names.flatMap((name, i) => [name, urls[i]!])];
      const { stdout } = await promisify(execFile)(command, args, { timeout: 280_000, maxBuffer: 2 ** 24 });
      results = JSON.parse(stdout);
    });

    test.each(cases)("$suite $name", ({ suite, name }) => {
      const result = results.find((one) => one.suite === suite && one.name === name);
      expect(result).toEqual({ suite, name, fault: null });
    });
  });
});
