/**
 * A GRASP process that writes and a read replica beside the same process alone, in turn, in one run: reads a second, and the processor
 * time of all server processes for a read. The load runs on the same processors, so that the ratio of the reads a second is below
 * what a machine of their own would give. Prints a table and writes the figures to `test/results/replicas.json`.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { workTree } from "../../support/git.ts";
import { announcementBy, graspServer, MAIN, runGitClient, stateBy } from "../../support/grasp-server.ts";
import { generate } from "../../support/load-generator.ts";
import { author } from "../../support/nostr.ts";
import { processorMsOf } from "../../support/process-figures.ts";
import { connect } from "../../support/relay-client.ts";
import { root } from "../../support/spawn.ts";
import { readToolOptions } from "../../support/tool-options.ts";
import { spreadOf } from "../harness.ts";
import { describeProvenance, provenanceHere } from "../provenance.ts";

const { values } = readToolOptions({
  name: "bench:replicas",
  summary:
    "Measures a GRASP process that writes with a read replica beside the process alone, and prints a table.",
  options: {
    rounds: { default: 5, summary: "number of rounds" },
    seconds: { default: 3, summary: "seconds of one turn" },
    events: { default: 1000, summary: "stored events" },
  },
});
/** Connections of a turn, over all processes. */
const CONNECTIONS = 32;
const REFS = 10;
const TOLD = 20;
const IDLE_MS = 10_000;

/** What one turn measures. */
interface Turn {
  readonly perSecond: number;
  /** Microseconds of processor time of all servers. */
  readonly cpuMicros: number;
}

const limits = { eventsAtOnce: 1_000_000, eventsPerMinute: 1_000_000, connectionsPerAddress: 10_000 };
const writer = await graspServer("node", { limits });
const replica = await graspServer("node", {
  ...{ limits, replica: true },
  dataDirectory: join(writer.folder, "data"),
});
try {
  const owner = author();
  const work = workTree(writer.folder);
  const commit = work.commit("file", "content");
  const names = [MAIN, ...Array.from({ length: REFS - 1 }, (_, n) => `refs/heads/branch-${n}`)];
  const relay = await connect(writer.url);
  await relay.publish(announcementBy(owner));
  await relay.publish(stateBy(owner, Object.fromEntries(names.map((name) => [name, commit]))));
  const refspecs = names.map((name) => `${commit}:${name}`);
  const pushed = await runGitClient(work.path, "push", "-q", writer.repository(owner), ...refspecs);
  if (pushed.code !== 0) throw new Error(pushed.output);
  const ids: string[] = [];
  const comment = () => owner.sign(1111, [["a", `30617:${owner.key}:repo`]], `comment ${ids.length}`);
  while (ids.length < values.events) {
    const event = comment();
    await relay.publish(event);
    ids.push(event.id);
  }

  const alone = [writer];
  const both = [writer, replica];
  const ways = {
    "the writer alone": alone,
    "the writer and a replica": both,
    "the replica alone": [replica],
  };
  const processorMs = () => both.reduce((sum, { program }) => sum + processorMsOf(program.pid), 0);

  /** Asks for one event by its id again and again, on some connections. @returns the number of answers */
  const query = async (url: string, connections: number): Promise<number> => {
    let answers = 0;
    const endMs = performance.now() + values.seconds * 1000;
    const ask = async () => {
      const client = await connect(url);
      for (let n = 0; performance.now() < endMs; n++, answers++)
        await client.query({ ids: [ids[(n * 7919) % ids.length]!] });
      client.close();
    };
    await Promise.all(Array.from({ length: connections }, ask));
    return answers;
  };
  const advertise = async (url: string, connections: number): Promise<number> => {
    const path = new URL(writer.repository(owner)).pathname;
    const { requests, errors } = await generate({
      url: `${url}${path}/info/refs?service=git-upload-pack`,
      ...{ connections, durationMs: values.seconds * 1000 },
    });
    if (errors > 0) throw new Error(`${errors} requests failed`);
    return requests;
  };
  const reads = { "`info/refs`, 10 refs": advertise, "query by id": query };

  const turn = async (servers: typeof both, read: typeof query): Promise<Turn> => {
    const [beforeMs, began] = [processorMs(), performance.now()];
    const counts = await Promise.all(servers.map(({ url }) => read(url, CONNECTIONS / servers.length)));
    const seconds = (performance.now() - began) / 1000;
    const requests = counts.reduce((sum, count) => sum + count, 0);
    return { perSecond: requests / seconds, cpuMicros: ((processorMs() - beforeMs) * 1000) / requests };
  };

  const results: Record<string, Record<string, Turn[]>> = {};
  let table = `| read | processes | a second | processor time of one, µs | beside the writer alone |\n| --- | --- | ---: | ---: | ---: |\n`;
  for (const [name, read] of Object.entries(reads)) {
    const turns: Record<string, Turn[]> = Object.fromEntries(Object.keys(ways).map((way) => [way, []]));
    for (let round = -1; round < values.rounds; round++) {
      for (const [way, servers] of Object.entries(ways)) {
        const measured = await turn(servers, read);
        // The first round warms up.
        if (round >= 0) turns[way]!.push(measured);
      }
    }
    const median = (way: string, figure: keyof Turn) =>
      spreadOf(turns[way]!.map((each) => each[figure])).median;
    for (const way of Object.keys(ways)) {
      const perSecond = median(way, "perSecond");
      const ratio = perSecond / median("the writer alone", "perSecond");
      table += `| ${name} | ${way} | ${Math.round(perSecond).toLocaleString("en")} | ${Math.round(median(way, "cpuMicros"))} | ${ratio.toFixed(2)} |\n`;
    }
    results[name] = turns;
  }

  const idleBefore = processorMsOf(replica.program.pid);
  await sleep(IDLE_MS);
  const idlePerSecond = (processorMsOf(replica.program.pid) - idleBefore) / (IDLE_MS / 1000);

  const reader = await connect(replica.url);
  reader.say("REQ", "live", { kinds: [1111], limit: 0 });
  await reader.next(([type]) => type === "EOSE");
  const delays: number[] = [];
  for (let n = 0; n < TOLD; n++) {
    const event = owner.sign(1111, [["a", `30617:${owner.key}:repo`]], `live ${n}`);
    await relay.publish(event);
    const began = performance.now();
    await reader.next(([type]) => type === "EVENT");
    delays.push(performance.now() - began);
  }
  reader.close();
  relay.close();
  const { median } = spreadOf(delays);
  const facts = `An idle replica takes ${idlePerSecond.toFixed(1)} ms of processor time a second. A subscriber of the replica hears of an event ${median.toFixed(0)} ms after the writer's OK (median), ${Math.max(...delays).toFixed(0)} ms at most.`;
  const provenance = provenanceHere();
  process.stdout.write(`${table}\n${facts}\n\n${describeProvenance([provenance])}\n`);
  mkdirSync(join(root, "test/results"), { recursive: true });
  writeFileSync(
    join(root, "test/results/replicas.json"),
    JSON.stringify({ provenance, results, idlePerSecond, delays }, null, 1),
  );
} finally {
  await replica.stop();
  await writer.stop();
}
