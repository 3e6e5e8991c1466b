/**
 * Moves a server's data from ngit-grasp to ours as docs/grasp/operations.md says (O19), in a network namespace with loopback only, where
 * this program runs, too. Prints what both served as JSON, see {@link Moved}.
 *
 * Arguments: the runtime of our server, and an empty folder.
 */
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { NostrEvent } from "../../../runtime/grasp/events/event.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { workTree } from "../git.ts";
import { MAIN, runGitClient, stateBy } from "../grasp-server.ts";
import { startNgitGrasp } from "../ngit-grasp.ts";
import { type Author, author } from "../nostr.ts";
import { announcementOn } from "../peers.ts";
import { connect } from "../relay-client.ts";
import { runCli } from "../run-cli.ts";
import { type ProcessRuntime, root, runtimes } from "../spawn.ts";
import { type RunningProgram, startProgram } from "../start-program.ts";
import type { Moved, Served } from "./moved.ts";

const [runtime, folder] = process.argv.slice(2) as [ProcessRuntime, string];
// The name that announcements and remotes have stays the same.
const PORT = 7402;
const PLACE = { host: `127.0.0.1:${PORT}` };
const URL_ = `http://${PLACE.host}`;
const [THEIRS, OURS] = [join(folder, "theirs"), join(folder, "ours")];
/** ngit-grasp takes 60 events a minute of a connection. */
const EVENTS_A_CONNECTION = 40;
const PAGE = 50;

const work = workTree(folder);
const repositories: { owner: Author; name: string; tip: string }[] = [];
const events: NostrEvent[] = [];
const pathOf = (owner: Author, name: string) => `${toNpub(owner.key)}/${name}.git`;
const push = (owner: Author, name: string, ...specs: string[]) =>
  work.git("push", "-q", `${URL_}/${pathOf(owner, name)}`, ...specs);

async function publish(...some: readonly NostrEvent[]): Promise<void> {
  for (let at = 0; at < some.length; at += EVENTS_A_CONNECTION) {
    const client = await connect(URL_);
    for (const event of some.slice(at, at + EVENTS_A_CONNECTION)) {
      const [ok, text] = await client.publish(event);
      if (!ok) throw new Error(`kind ${event.kind} is refused: ${text}`);
      events.push(event);
    }
    client.close();
  }
}

/** A repository with branches, an annotated tag, pull requests, issues, comments and a deletion. */
async function live(owner: Author, name: string, maintainer: Author): Promise<void> {
  const at = Math.floor(Date.now() / 1000) - 100;
  const friend = author();
  const coordinate = `30617:${owner.key}:${name}`;
  const mark = `${repositories.length}-${name}`;
  const one = work.commit("file", `${mark} 1`);
  const two = work.commit("file", `${mark} 2`);
  work.git("tag", "-a", "-m", "v1", mark, one);
  const tag = work.git("rev-parse", mark);
  await publish(
    announcementOn([PLACE], owner, name, [["maintainers", maintainer.key]], at),
    stateBy(owner, { [MAIN]: one }, name, at + 1),
  );
  push(owner, name, `${one}:${MAIN}`);
  const refs = { [MAIN]: two, "refs/heads/topic": one, "refs/tags/v1": tag };
  await publish(stateBy(owner, refs, name, at + 2));
  push(owner, name, `${two}:${MAIN}`, `${one}:refs/heads/topic`, `${tag}:refs/tags/v1`);
  const proposal = work.git("commit-tree", `${two}^{tree}`, "-p", two, "-m", `proposal of ${name}`);
  const request = friend.sign(
    1618,
    [
      ["a", coordinate],
      ["p", owner.key],
      ["subject", "idea"],
      ["c", proposal],
      ["clone", `${URL_}/${pathOf(owner, name)}`],
    ],
    "",
    at + 3,
  );
  await publish(request);
  push(owner, name, `${proposal}:refs/nostr/${request.id}`);
  const issue = friend.sign(
    1621,
    [
      ["a", coordinate],
      ["p", owner.key],
    ],
    "an issue",
    at + 4,
  );
  const comments = Array.from({ length: 12 }, (_, n) =>
    author().sign(
      1111,
      [
        ["E", issue.id],
        ["K", "1621"],
        ["P", friend.key],
        ["e", issue.id],
        ["k", "1621"],
        ["p", friend.key],
      ],
      `comment ${n}`,
      at + 5 + n,
    ),
  );
  const mistake = friend.sign(1621, [["a", coordinate]], "a mistake", at + 5);
  await publish(issue, ...comments, mistake);
  await publish(
    friend.sign(
      5,
      [
        ["e", mistake.id],
        ["k", "1621"],
      ],
      "",
      at + 20,
    ),
  );
  repositories.push({ owner, name, tip: two });
}

/** Every event that a server serves, newest first, by pages. */
async function allEvents(): Promise<NostrEvent[]> {
  const found = new Map<string, NostrEvent>();
  const client = await connect(URL_);
  let until = Math.floor(Date.now() / 1000) + 1000;
  for (;;) {
    client.say("REQ", "all", { until, limit: PAGE });
    await client.next(([type]) => type === "EOSE");
    client.say("CLOSE", "all");
    const page = client.messages
      .splice(0)
      .flatMap(([type, , event]) => (type === "EVENT" ? [event as NostrEvent] : []));
    const before = found.size;
    for (const event of page) found.set(event.id, event);
    const oldest = Math.min(...page.map(({ created_at }) => created_at));
    if (page.length === 0 || (found.size === before && oldest === until)) break;
    until = found.size === before ? oldest - 1 : oldest;
  }
  client.close();
  return [...found.values()];
}

async function served(): Promise<Served> {
  const all = await allEvents();
  const refs: Record<string, string> = {};
  const clones: Record<string, boolean> = {};
  for (const { owner, name, tip } of repositories) {
    const path = pathOf(owner, name);
    const url = `${URL_}/${path}`;
    refs[path] = (await runGitClient(folder, "ls-remote", url)).output;
    const to = join(folder, `clone-${crypto.randomUUID()}`);
    const cloned = await runGitClient(folder, "clone", "-q", "--mirror", url, to);
    const head = await runGitClient(to, "rev-parse", "HEAD");
    const whole = await runGitClient(to, "fsck", "--full", "--strict");
    clones[path] = cloned.code === 0 && head.output.trim() === tip && whole.code === 0;
  }
  return {
    events: all.map(({ kind, id }) => `${kind} ${id}`).sort(),
    ...{ refs, clones },
  };
}

async function startOurs(): Promise<RunningProgram> {
  const config = {
    grasp: {
      domain: PLACE.host,
      listen: { port: PORT },
      dataDirectory: OURS,
      minFreeBytes: 0,
      allowInsecureServers: true,
      sync: { enabled: false },
    },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const [command, ...first] = runtimes[runtime];
  return startProgram({
    command: command!,
    args: [...first, "worker/cli/main.ts", "serve", "--config", join(folder, "config.json")],
    cwd: root,
    ready: /listening on (http:\S+)/,
  });
}

async function run(): Promise<Moved> {
  mkdirSync(THEIRS);
  const file = join(folder, "events.jsonl");
  let program = await startNgitGrasp(THEIRS, PORT);
  let before: Served;
  try {
    const [owner, maintainer] = [author(), author()];
    for (const name of ["one", "two", "three"]) await live(owner, name, maintainer);
    // Another owner's repository of the same name. They share no maintainer: pull requests would be in both (N11).
    await live(author(), "one", author());
    before = await served();
    const lines = (await allEvents()).map((event) => JSON.stringify(event));
    writeFileSync(file, `${lines.join("\n")}\n`);
  } finally {
    await program.stop();
  }
  cpSync(join(THEIRS, "git"), join(OURS, "git"), { recursive: true });
  // The copy may be on another machine: nothing of the other server's folder is there.
  rmSync(join(THEIRS, "git"), { recursive: true });
  program = await startOurs();
  try {
    const command = (...args: string[]) =>
      runCli(runtime, ["grasp", ...args, "--json", "--config", join(folder, "config.json")]);
    const rows = (text: string) =>
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line));
    const imported = await command("import", file);
    if (imported.code !== 0) throw new Error(imported.stderr);
    const after = await served();
    const checked = await command("check", "--data");
    const waiting = await command("purgatory", "list");
    // Nothing of the other server is needed from now on.
    rmSync(join(OURS, "git", ".grasp"), { recursive: true, force: true });
    await program.stop();
    program = await startOurs();
    return {
      ...{ before, after, again: await served() },
      imported: Object.fromEntries(rows(imported.stdout).map((row) => [row.outcome, row.events])),
      checked: rows(checked.stdout),
      waiting: rows(waiting.stdout),
      sent: events.length,
      borrowing: repositories
        .map(({ owner, name }) => pathOf(owner, name))
        .filter((path) => existsSync(join(OURS, "git", path, "objects/info/alternates"))),
    };
  } finally {
    await program.stop();
  }
}

console.log(JSON.stringify(await run()));
process.exit(0);
