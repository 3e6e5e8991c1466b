/**
 * A server of ours and one of ngit-grasp that list each other, in a network namespace with loopback only, where this program runs,
 * too. It prints each step that is reached as one line of JSON, see {@link Step}; a step that is not reached in time ends it with 1.
 *
 * Arguments: the runtime of our server, and an empty folder.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../git.ts";
import { MAIN, PURGATORY, runGitClient, stateBy } from "../grasp-server.ts";
import { startNgitGrasp } from "../ngit-grasp.ts";
import { author } from "../nostr.ts";
import { announcementOn } from "../peers.ts";
import { connect } from "../relay-client.ts";
import { type RelayTap, relayTap } from "../relay-tap.ts";
import { type ProcessRuntime, root, runtimes } from "../spawn.ts";
import { type RunningProgram, startProgram } from "../start-program.ts";
import { STEP_MS, type Step } from "./steps.ts";

const [runtime, folder] = process.argv.slice(2) as [ProcessRuntime, string];
const OURS = { host: "127.0.0.1:7401", tap: 7403 } as const;
const THEIRS = { host: "127.0.0.1:7402", tap: 7404 } as const;
const BOTH = [OURS, THEIRS] as const;
type Side = (typeof BOTH)[number];
const KINDS = [5, 1111, 1618, 1619, 1621, 30617, 30618];

mkdirSync(join(folder, "ours"));
mkdirSync(join(folder, "theirs"));
writeFileSync(
  join(folder, "config.json"),
  JSON.stringify({
    grasp: {
      domain: OURS.host,
      listen: { port: 7401 },
      dataDirectory: join(folder, "ours"),
      allowInsecureServers: true,
      allowLoopbackServers: true,
      minFreeBytes: 0,
      // What an author may send at once is no matter of sync.
      limits: { eventsAtOnce: 10_000 },
      sync: { baseBackoffSeconds: 1, maxBackoffSeconds: 2, bootstrap: [`ws://127.0.0.1:${THEIRS.tap}`] },
    },
  }),
);

const programs = new Map<Side, RunningProgram>();
const taps = new Map<Side, RelayTap>();

async function startSide(side: Side): Promise<void> {
  if (side === THEIRS) {
    const env = { NGIT_SYNC_BOOTSTRAP_RELAY_URL: `ws://127.0.0.1:${OURS.tap}` };
    programs.set(side, await startNgitGrasp(join(folder, "theirs"), 7402, env));
    return;
  }
  const [command, ...first] = runtimes[runtime];
  const args = [...first, "worker/cli/main.ts", "serve", "--config", join(folder, "config.json")];
  programs.set(
    side,
    await startProgram({ command: command!, args, cwd: root, ready: /listening on (http:\S+)/ }),
  );
}

const stopSide = (side: Side) => programs.get(side)!.stop();
const urlOf = ({ host }: Side) => `http://${host}`;

const owner = author();
const work = workTree(folder);
const address = (identifier: string) => `30617:${owner.key}:${identifier}`;
const repository = (side: Side, identifier: string) =>
  `${urlOf(side)}/${toNpub(owner.key)}/${identifier}.git`;
const announcement = (identifier: string) => announcementOn(BOTH, owner, identifier);
const issue = (identifier: string, text: string) => author().sign(1621, [["a", address(identifier)]], text);
const comment = (on: NostrEvent) =>
  author().sign(1111, [
    ["E", on.id],
    ["K", String(on.kind)],
    ["P", on.pubkey],
    ["e", on.id],
    ["k", String(on.kind)],
    ["p", on.pubkey],
  ]);

async function publish(side: Side, ...events: readonly NostrEvent[]): Promise<string[]> {
  const client = await connect(urlOf(side));
  const texts: string[] = [];
  for (const event of events) {
    const [ok, text] = await client.publish(event);
    if (!ok) throw new Error(`${side.host} refuses kind ${event.kind}: ${text}`);
    texts.push(text);
  }
  client.close();
  return texts;
}

async function idsOn(side: Side): Promise<string[]> {
  const client = await connect(urlOf(side));
  const ids: string[] = [];
  for (const kind of KINDS) ids.push(...(await client.query({ kinds: [kind] })));
  client.close();
  return ids.sort();
}

/** Refs that everybody sees, `refs/nostr/` too. */
async function refsOn(side: Side, identifier: string): Promise<string> {
  return (await runGitClient(folder, "ls-remote", repository(side, identifier))).output;
}

const push = (side: Side, identifier: string, ref = "main") =>
  work.git("push", "-q", repository(side, identifier), `HEAD:${ref}`);

/** Waits until both serve these events, and the same events and refs at all. */
async function equal(
  step: Step["step"],
  events: readonly NostrEvent[],
  identifiers: readonly string[],
): Promise<void> {
  const began = Date.now();
  for (;;) {
    const [ours, theirs] = [await idsOn(OURS), await idsOn(THEIRS)];
    const missing = (ids: readonly string[]) => events.filter(({ id }) => !ids.includes(id)).length;
    const refs = await Promise.all(
      identifiers.map(async (one) => [await refsOn(OURS, one), await refsOn(THEIRS, one)] as const),
    );
    const isEqual =
      ours.join() === theirs.join() &&
      missing(ours) === 0 &&
      refs.every(([a, b]) => a === b && /main/.test(a));
    const told: Step = {
      step,
      seconds: (Date.now() - began) / 1000,
      events: [ours.length, theirs.length],
      missing: [missing(ours), missing(theirs)],
      refs: refs.map(([a, b]) => a === b),
    };
    if (isEqual) {
      console.log(JSON.stringify(told));
      return;
    }
    if (Date.now() - began > STEP_MS) throw new Error(JSON.stringify({ ...told, refs }));
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** A repository whose announcement and state wait at both, and the commit that they wait for. */
async function waitInBoth(identifier: string) {
  const tip = work.commit(identifier, identifier);
  const events = [announcement(identifier), stateBy(owner, { [MAIN]: tip }, identifier)];
  for (const side of BOTH) {
    const texts = await publish(side, ...events);
    if (texts.some((text) => text !== PURGATORY)) throw new Error(`something does not wait: ${texts}`);
  }
  return { identifier, tip, events };
}

function told(step: Step["step"], counts: ReadonlyMap<string, number>): void {
  console.log(JSON.stringify({ step, counts: Object.fromEntries(counts) } satisfies Step));
}

async function run(): Promise<void> {
  taps.set(OURS, await relayTap(OURS.tap, `ws://${OURS.host}`));
  taps.set(THEIRS, await relayTap(THEIRS.tap, `ws://${THEIRS.host}`));
  await Promise.all(BOTH.map(startSide));

  // What waits for the second of those who are away begins to wait now: ours asks other servers 180 s after a direct event (S1).
  const second = await waitInBoth("purgatory-1");

  // One by one, each first at one side.
  const all: NostrEvent[] = [];
  for (const [at, [first, other]] of [
    [OURS, THEIRS],
    [THEIRS, OURS],
  ].entries()) {
    const name = `live-${at}`;
    const announced = announcement(name);
    await publish(first!, announced);
    await publish(other!, announced);
    const state = stateBy(owner, { [MAIN]: work.commit(name, name) }, name);
    await publish(first!, state);
    push(first!, name);
    const opened = issue(name, "live");
    await publish(first!, opened);
    all.push(announced, state, opened);
    await equal(first === OURS ? "from ours" : "from theirs", all, [name]);
  }

  // Each is away for a while.
  for (const [away, here] of [
    [THEIRS, OURS],
    [OURS, THEIRS],
  ] as const) {
    const step = away === THEIRS ? "theirs was away" : "ours was away";
    const name = away === THEIRS ? "live-0" : "live-1";
    const fresh = `fresh-${away === THEIRS ? 0 : 1}`;
    // Its data come to one of them while the other is away.
    const waiting = away === THEIRS ? await waitInBoth("purgatory-0") : second;
    await stopSide(away);
    work.git("push", "-q", repository(here, waiting.identifier), `${waiting.tip}:refs/heads/main`);
    const tip = work.commit(step, step);
    const state = stateBy(owner, { [MAIN]: tip }, name, Math.floor(Date.now() / 1000) + 2);
    await publish(here, state);
    push(here, name);
    const opened = issue(name, step);
    const replies = Array.from({ length: 20 }, () => comment(opened));
    await publish(here, opened, ...replies);
    const proposed = work.commit(`${step} idea`, "idea");
    const request = author().sign(1618, [
      ["a", address(name)],
      ["p", owner.key],
      ["subject", "idea"],
      ["c", proposed],
      ["clone", repository(here, name)],
    ]);
    await publish(here, request);
    push(here, name, `refs/nostr/${request.id}`);
    work.git("reset", "-q", "--hard", tip);
    const announced = announcement(fresh);
    const other = stateBy(owner, { [MAIN]: tip }, fresh);
    await publish(here, announced, other);
    push(here, fresh);
    await startSide(away);
    all.push(...waiting.events, state, opened, ...replies, request, announced, other);
    const gone = all.filter((one) => one.kind !== 30618 || one === newest(all, one));
    await equal(step, gone, [name, fresh, waiting.identifier]);
  }
  told("negentropy of ours", taps.get(THEIRS)!.counts);
  told("negentropy of theirs", taps.get(OURS)!.counts);
}

/** The newest state of a state's address. */
function newest(all: readonly NostrEvent[], { tags }: NostrEvent): NostrEvent {
  const same = all.filter((one) => one.kind === 30618 && one.tags[0]![1] === tags[0]![1]);
  return same.reduce((best, one) => (one.created_at > best.created_at ? one : best));
}

let code = 0;
try {
  await run();
} catch (error) {
  console.error(error);
  for (const [side, program] of programs) console.error(`--- ${side.host}\n${program.all().slice(-20_000)}`);
  code = 1;
} finally {
  await Promise.all([...programs.values()].map((program) => program.stop()));
  await Promise.all([...taps.values()].map((tap) => tap.stop()));
}
process.exit(code);
