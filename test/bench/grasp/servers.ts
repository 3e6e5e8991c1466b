/**
 * The two servers that are compared, each with a folder of its own, and what the kernel counts of them.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { findNgitGrasp } from "../../../scripts/cargo-tools.ts";
import type { Author } from "../../support/nostr.ts";
import { processorMsOf, residentMiBOf } from "../../support/process-figures.ts";
import { root, runtimes } from "../../support/spawn.ts";
import { type RunningProgram, startProgram } from "../../support/start-program.ts";

/** A server that is measured. */
export interface Contender {
  readonly name: string;
  /** Host and port, in the namespace of the bench. */
  readonly host: string;
  readonly url: string;
  /** Starts it, and waits until it answers. @returns the time to its readiness, in milliseconds */
  start(): Promise<number>;
  stop(): Promise<void>;
  repository(owner: Author, identifier: string): string;
  /** Resident memory of its process, in MiB. */
  residentMiB(): number;
  /** Processor time of its process and of the processes that it started and that ended, in milliseconds. */
  processorMs(): number;
}

/** Both servers. @param folder an existing folder */
export function contenders(folder: string): readonly [Contender, Contender] {
  const graspData = join(folder, "ngit-grasp");
  mkdirSync(graspData);
  const ours = millrace("millrace", 7401, folder);
  const theirs = contender("ngit-grasp", 7402, (host) => ({
    command: findNgitGrasp()!,
    args: ["serve"],
    cwd: graspData,
    env: {
      NGIT_DOMAIN: host,
      NGIT_BIND_ADDRESS: host,
      NGIT_GIT_DATA_PATH: join(graspData, "git"),
      NGIT_RELAY_DATA_PATH: join(graspData, "relay"),
      NGIT_SYNC_ALLOW_NON_GLOBAL_TARGETS: "true",
      // A state of 5,000 refs has 350 KB. Its default takes 192 KiB.
      NGIT_RELAY_MAX_EVENT_SIZE_BYTES: String(1024 * 1024),
      NGIT_LOG_LEVEL: "error",
    },
  }));
  return [ours, theirs];
}

/** A server that both follow: the same program for both. It follows nobody. @param folder an existing folder */
export function peerOf(folder: string): Contender {
  return millrace("peer", 7403, folder, { sync: { enabled: false } });
}

function millrace(name: string, port: number, folder: string, more: object = {}): Contender {
  const data = join(folder, name);
  mkdirSync(data, { recursive: true });
  const config = join(data, "config.json");
  return contender(name, port, (host) => {
    const grasp = {
      domain: host,
      listen: { port },
      dataDirectory: join(data, "data"),
      // Hosts that fetches go to are on loopback, and so is the other server.
      allowInsecureServers: true,
      allowLoopbackServers: true,
      ...more,
    };
    writeFileSync(config, JSON.stringify({ grasp }));
    const [command] = runtimes.node;
    return { command, args: ["dist/worker/cli/main.js", "serve", "--config", config], cwd: root };
  });
}

function contender(
  name: string,
  port: number,
  command: (host: string) => { command: string; args: string[]; cwd: string; env?: Record<string, string> },
): Contender {
  const host = `127.0.0.1:${port}`;
  const url = `http://${host}`;
  let program: RunningProgram | null = null;
  const pid = () => {
    if (program === null) throw new Error(`${name} does not run`);
    return program.pid;
  };
  return {
    name,
    host,
    url,
    async start() {
      const began = performance.now();
      program = await startProgram({ ...command(host), ready: () => answers(url), startTimeoutMs: 120_000 });
      return performance.now() - began;
    },
    async stop() {
      await program?.stop();
      program = null;
    },
    repository: (owner, identifier) => `${url}/${toNpub(owner.key)}/${identifier}.git`,
    residentMiB: () => residentMiBOf(pid()),
    processorMs: () => processorMsOf(pid()),
  };
}

async function answers(url: string): Promise<boolean> {
  return fetch(url, { headers: { accept: "application/nostr+json" } }).then(
    ({ ok }) => ok,
    () => false,
  );
}
