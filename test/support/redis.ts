/**
 * Redis servers for tests: on loopback, on free ports, in folders of their own, ended by their process ids.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createClient } from "@redis/client";
import { redisServer } from "./programs.ts";

/** Why there can be no Redis here; `undefined`: there can. */
export const noRedis =
  redisServer.find() === null ? `left out: no ${redisServer.package} on this machine` : undefined;

/** One server. */
export interface RedisServer {
  url: string;
  readonly port: number;
  readonly pid: number;
  /** Stops it for the time being, without a word to anybody; its connections stay. */
  freeze(): void;
  unfreeze(): void;
  /** Ends it at once, as a crash would. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with the data that it had. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

/** A Cluster of three masters. */
export interface RedisCluster {
  url: string;
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

/** How long a server may take to start, to stop, and a Cluster to agree, in milliseconds. */
const PATIENCE_MS = 20_000;
/** How often a port that was free a moment ago may turn out to be taken. */
const PORT_TRIES = 5;
const SLOTS = 16_384;
/** By its default Redis answers before it has written, while the disk is busy with what came before. */
const WRITTEN_BEFORE_THE_ANSWER = ["--appendonly", "yes", "--appendfsync", "no"];

/** Starts a server that has written down what it answers to. @param args further settings of Redis. */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-redis-"));
  for (let left = PORT_TRIES; ; left--) {
    const port = await freePort();
    try {
      return await startOn(port, folder, args);
    } catch (error) {
      if (left === 1 || !/already in use/.test(String(error))) throw error;
    }
  }
}

async function startOn(port: number, folder: string, args: readonly string[]): Promise<RedisServer> {
  let child = await launch(port, folder, args);
  const signal = (name: NodeJS.Signals) => void process.kill(child.pid!, name);
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;

  async function kill(): Promise<void> {
    if (hasEnded()) return;
    const ended = once(child, "exit");
    signal("SIGKILL");
    await ended;
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child.pid!;
    },
    freeze: () => signal("SIGSTOP"),
    unfreeze: () => signal("SIGCONT"),
    kill,
    async restart() {
      await kill();
      child = await launch(port, folder, args);
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function launch(port: number, folder: string, args: readonly string[]): Promise<ChildProcess> {
  const path = redisServer.find();
  if (path === null) throw new Error(`there is no ${redisServer.package} on this machine`);
  mkdirSync(folder, { recursive: true });
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  const child = spawn(path, [...settings, ...WRITTEN_BEFORE_THE_ANSWER, ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const end = () => void child.kill("SIGKILL");
  process.on("exit", end);
  child.on("exit", () => process.off("exit", end));
  let log = "";
  await new Promise<void>((resolve, reject) => {
    const give = (why: string) => reject(new Error(`redis-server ${why}\n${log}`));
    const timer = setTimeout(() => {
      end();
      give("was not ready in time");
    }, PATIENCE_MS);
    child.on("error", (error) => give(error.message));
    child.on("exit", (code) => {
      clearTimeout(timer);
      give(`ended with ${code}`);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        log = (log + text).slice(-10_000);
        if (!/Ready to accept connections/.test(log)) return;
        clearTimeout(timer);
        resolve();
      });
    }
  });
  return child;
}

/** Starts three servers and makes a Cluster of them; each has a third of the slots. */
export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes: RedisServer[] = [];
  const buses: number[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    for (let n = 0; n < 3; n++) {
      const bus = await freePort();
      buses.push(bus);
      nodes.push(
        await startRedis([
          "--cluster-enabled",
          "yes",
          "--cluster-port",
          `${bus}`,
          "--cluster-node-timeout",
          "2000",
        ]),
      );
    }
    const [first] = nodes;
    for (const [n, { port }] of nodes.entries()) {
      const share = [n, n + 1].map((part) => Math.ceil((part * SLOTS) / nodes.length));
      await ask(port, "CLUSTER", "ADDSLOTSRANGE", `${share[0]}`, `${share[1]! - 1}`);
      if (n > 0) await ask(first!.port, "CLUSTER", "MEET", "127.0.0.1", `${port}`, `${buses[n]}`);
    }
    await agreed(nodes);
    return {
      url: nodes.map(({ url }, n) => (n === 0 ? url : url.replace("redis://", ""))).join(","),
      nodes,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Waits until every node knows all three. */
async function agreed(nodes: readonly RedisServer[]): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (const { port } of nodes) {
    for (;;) {
      const info = await ask(port, "CLUSTER", "INFO");
      if (/cluster_state:ok/.test(info) && /cluster_size:3/.test(info)) break;
      if (Date.now() > deadline) throw new Error(`the Cluster did not come about\n${info}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** One command on a connection of its own. */
export async function ask(port: number, ...command: string[]): Promise<string> {
  const client = createClient({ socket: { host: "127.0.0.1", port, reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  try {
    return String(await client.sendCommand(command));
  } finally {
    client.destroy();
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
