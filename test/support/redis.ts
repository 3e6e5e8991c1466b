/**
 * Redis servers for tests and tools: on loopback, on free ports, each with a folder of its own.
 * @module
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createClient } from "@redis/client";
import getPort from "get-port";
import { redisServer } from "./programs.ts";
import { type RunningProgram, startProgram } from "./start-program.ts";

/** Why the tests with Redis are left out; `undefined` if Redis is installed. */
export const noRedis =
  redisServer.find() === null ? `left out: no ${redisServer.package} on this machine` : undefined;

/** One server. */
export interface RedisServer {
  url: string;
  readonly port: number;
  readonly pid: number;
  /** Suspends it; its connections stay open. */
  freeze(): void;
  unfreeze(): void;
  /** Kills it, like a crash. */
  kill(): Promise<void>;
  /** Kills it and starts it on the same port with its data. */
  restart(): Promise<void>;
  /** Kills it and removes its data. */
  stop(): Promise<void>;
}

/** A Cluster of three masters, each with the same number of replicas. */
export interface RedisCluster {
  url: string;
  /** The masters, then their replicas in the same order. */
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Timeout of a start, and of the agreement of a Cluster, in milliseconds. */
const TIMEOUT_MS = 20_000;
/** Maximum number of attempts while another process takes the free port first. */
const PORT_TRIES = 5;
const SLOTS = 16_384;
/** With its default settings Redis may answer before it has written to its log. */
const WRITE_BEFORE_THE_ANSWER = ["--appendonly", "yes", "--appendfsync", "no"];

/** Starts a server that logs each write before its answer. @param args further settings of Redis. */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const folder = mkdtempSync(join(tmpdir(), "millrace-redis-"));
  for (let left = PORT_TRIES; ; left--) {
    const port = await getPort({ host: "127.0.0.1" });
    try {
      return await startOn(port, folder, args);
    } catch (error) {
      if (left === 1 || !/already in use/.test(String(error))) throw error;
    }
  }
}

async function startOn(port: number, folder: string, args: readonly string[]): Promise<RedisServer> {
  let program = await launch(port, folder, args);
  const signal = (name: NodeJS.Signals) => void process.kill(program.pid, name);

  async function kill(): Promise<void> {
    await program.stop("SIGKILL");
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return program.pid;
    },
    freeze: () => signal("SIGSTOP"),
    unfreeze: () => signal("SIGCONT"),
    kill,
    async restart() {
      await kill();
      program = await launch(port, folder, args);
    },
    async stop() {
      await kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function launch(port: number, folder: string, args: readonly string[]): Promise<RunningProgram> {
  const command = redisServer.find();
  if (command === null) throw new Error(`Cannot start Redis: ${redisServer.package} is not installed`);
  mkdirSync(folder, { recursive: true });
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", ""];
  return startProgram({
    command,
    args: [...settings, ...WRITE_BEFORE_THE_ANSWER, ...args],
    ready: /Ready to accept connections/,
    startTimeoutMs: TIMEOUT_MS,
  });
}

const MASTERS = 3;
/** The first master of a Cluster has the slots below this one. */
export const FIRST_SLOTS = Math.ceil(SLOTS / MASTERS);
/** How long a node of a Cluster may be silent until the others replace it, in milliseconds. */
export const NODE_TIMEOUT_MS = 2000;

/** Starts a Cluster of three masters; each has a third of the slots. @param replicas of each master. Default: 0. */
export async function startRedisCluster({ replicas = 0 } = {}): Promise<RedisCluster> {
  const nodes: RedisServer[] = [];
  const buses: number[] = [];
  const stop = async () => {
    await Promise.all(nodes.map((node) => node.stop()));
  };
  try {
    for (let n = 0; n < MASTERS * (1 + replicas); n++) {
      const bus = await getPort({ host: "127.0.0.1" });
      buses.push(bus);
      nodes.push(
        await startRedis([
          "--cluster-enabled",
          "yes",
          "--cluster-port",
          `${bus}`,
          "--cluster-node-timeout",
          `${NODE_TIMEOUT_MS}`,
          // The other masters serve their slots while one has no master.
          "--cluster-require-full-coverage",
          "no",
          "--repl-diskless-sync-delay",
          "0",
        ]),
      );
    }
    const [first] = nodes;
    for (const [n, { port }] of nodes.entries()) {
      const share = [n, n + 1].map((part) => Math.ceil((part * SLOTS) / MASTERS));
      if (n < MASTERS) await ask(port, "CLUSTER", "ADDSLOTSRANGE", `${share[0]}`, `${share[1]! - 1}`);
      if (n > 0) await ask(first!.port, "CLUSTER", "MEET", "127.0.0.1", `${port}`, `${buses[n]}`);
    }
    await waitUntil(nodes, "CLUSTER INFO", [
      /cluster_state:ok/,
      /cluster_size:3/,
      new RegExp(`cluster_known_nodes:${nodes.length}\\b`),
    ]);
    const followers = nodes.slice(MASTERS);
    for (const [n, { port }] of followers.entries()) {
      await ask(port, "CLUSTER", "REPLICATE", await ask(nodes[n % MASTERS]!.port, "CLUSTER", "MYID"));
    }
    await waitUntil(followers, "INFO replication", [/master_link_status:up/]);
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

/** Waits until the answer of each server matches. */
export async function waitUntil(
  servers: readonly RedisServer[],
  command: string,
  patterns: readonly RegExp[],
): Promise<void> {
  const deadline = Date.now() + TIMEOUT_MS;
  for (const { port } of servers) {
    for (;;) {
      const info = await ask(port, ...command.split(" ")).catch(String);
      if (patterns.every((pattern) => pattern.test(info))) break;
      if (Date.now() > deadline) throw new Error(`${command} has not become ${patterns} in time\n${info}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Sends one command on a connection of its own. */
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
