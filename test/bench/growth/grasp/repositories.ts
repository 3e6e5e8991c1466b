import { cpSync, linkSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { NostrEvent } from "../../../../runtime/grasp/events/event.ts";
import { ZERO_ID } from "../../../../runtime/grasp/git/command-list.ts";
import { toNpub } from "../../../../runtime/grasp/npub.ts";
import { sqliteEventStore } from "../../../../worker/grasp/store/event-store.ts";
import { type WorkTree, workTree } from "../../../support/git.ts";
import { gitServiceIn } from "../../../support/grasp.ts";
import { announcementBy, HOST, MAIN, stateBy } from "../../../support/grasp-server.ts";
import { type Author, author } from "../../../support/nostr.ts";
import { childrenMsOf } from "../../../support/process-figures.ts";
import { commandList } from "../../../support/raw-push.ts";
import { type Contender, processorMs } from "../../harness.ts";
import { temporaryFolder } from "../folder.ts";
import type { Growth } from "../series.ts";

type Service = Awaited<ReturnType<typeof gitServiceIn>>;

/** Repositories of one author. */
const OF_AN_OWNER = 50;
const opened: { close(): Promise<void> }[] = [];

/** Processor time of this process and of the Git processes that ended, in milliseconds. */
const withGit = () => processorMs() + childrenMsOf(process.pid);

/** Repositories on the disk, with Git itself. */
export const repositories: Growth = {
  name: "grasp-repositories",
  title: "GRASP: a push and info/refs, by repositories",
  x: "repositories",
  explanation:
    "A repository is found by its path, its announcements and states by their identifier in an index; refs of 10,000 repositories are kept in memory. What grows is the depth of the trees of keys, and look-ups in larger maps.",
  measured: {
    subtitle: "processor time of one process and its Git processes; medians of rounds in turn",
    unit: "µs of processor time",
    // A push starts Git several times, and info/refs never.
    scale: "log",
  },
  pace: { clock: withGit, rounds: 7, turnMs: 100, maxTimes: 200, warmUpMs: 100 },
  sizes: [10, 100, 1000, 10_000],
  async open(size) {
    console.error(`growth: making ${size.toLocaleString("en")} repositories`);
    const folder = temporaryFolder("growth-repositories");
    const data = join(folder, "data");
    const store = sqliteEventStore({
      path: join(folder, "grasp.db"),
      clock: { now: Date.now, after: () => () => {} },
    });
    const service = await gitServiceIn(data, store);
    opened.push({
      async close() {
        await service.pool.idle();
        await store.close();
        rmSync(folder, { recursive: true, force: true });
      },
    });
    const work = workTree(folder);
    const commit = work.commit("a", "b");
    const first = author();
    const push = pushing(service, work, first, "repository-0");
    await push.announce(commit);
    const places = [{ owner: first, identifier: "repository-0" }];
    let owner = first;
    const template = join(service.folders.git, toNpub(first.key), "repository-0.git");
    const events: NostrEvent[] = [];
    for (let i = 1; i < size; i++) {
      if (i % OF_AN_OWNER === 0) owner = author();
      const identifier = `repository-${i}`;
      places.push({ owner, identifier });
      events.push(announcementBy(owner, identifier), stateBy(owner, { [MAIN]: commit }, identifier));
      copyRepository(template, join(service.folders.git, toNpub(owner.key), `${identifier}.git`));
    }
    await store.transaction((changes) => {
      for (const event of events) changes.save(event, event.created_at);
    });
    const urls = places.map(
      ({ owner, identifier }) => `http://${HOST}/${toNpub(owner.key)}/${identifier}.git/info/refs`,
    );
    const infoRefs = async (url: string) => {
      const response = await service.handler(new Request(`${url}?service=git-upload-pack`));
      const text = await response.text();
      if (!text.includes(MAIN)) throw new Error(`${url} answers ${response.status}: ${text}`);
    };
    // Each is read from the disk once.
    for (const url of urls) await infoRefs(url);
    return {
      "info/refs": {
        name: `${size}`,
        async run(times) {
          for (let i = 0; i < times; i++) await infoRefs(urls[Math.floor(Math.random() * size)]!);
        },
      },
      "push until served": push.contender(commit),
    };
  },
  async close() {
    for (const one of opened.splice(0)) await one.close();
  },
};

/** A copy of a repository; its packs are the same files. */
function copyRepository(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !/\.(pack|idx|rev)$/.test(path) });
  for (const name of readdirSync(join(from, "objects/pack")))
    linkSync(join(from, "objects/pack", name), join(to, "objects/pack", name));
}

/** Pushes to one repository: a state comes first, then its commit. */
function pushing(service: Service, work: WorkTree, owner: Author, identifier: string) {
  let second = Math.floor(Date.now() / 1000) - 100_000;
  let number = 0;
  const submit = async (event: NostrEvent) => {
    const { ok, text } = await service.grasp.submit(event, { source: "direct", address: null });
    if (!ok) throw new Error(text);
  };
  const send = async (old: string, commit: string, pack: Buffer) => {
    const body = Buffer.concat([commandList([`${old} ${commit} ${MAIN}`]), pack]);
    const url = `http://${HOST}/${toNpub(owner.key)}/${identifier}.git/git-receive-pack`;
    const headers = { "content-type": "application/x-git-receive-pack-request" };
    const response = await service.handler(new Request(url, { method: "POST", headers, body }));
    const report = await response.text();
    if (!report.includes(`ok ${MAIN}`)) throw new Error(`a push was answered ${response.status}: ${report}`);
  };
  return {
    async announce(commit: string): Promise<void> {
      await submit(announcementBy(owner, identifier));
      await submit(stateBy(owner, { [MAIN]: commit }, identifier, second++));
      await send(ZERO_ID, commit, work.pack([commit]));
    },
    contender(first: string): Contender {
      const tree = work.git("rev-parse", `${first}^{tree}`);
      let tip = first;
      let pushes: { old: string; commit: string; state: NostrEvent; pack: Buffer }[] = [];
      return {
        name: identifier,
        prepare(times) {
          pushes = Array.from({ length: times }, () => {
            const old = tip;
            tip = work.git("commit-tree", tree, "-p", old, "-m", `commit ${number++}`);
            const state = stateBy(owner, { [MAIN]: tip }, identifier, second++);
            return { old, commit: tip, state, pack: work.pack([tip], [old]) };
          });
        },
        async run(times) {
          for (const { old, commit, state, pack } of pushes.slice(0, times)) {
            await submit(state);
            await send(old, commit, pack);
          }
        },
      };
    },
  };
}
