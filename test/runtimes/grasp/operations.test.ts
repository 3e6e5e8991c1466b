/**
 * Running GRASP: its start, what it says about itself, and its end, as `millrace serve` runs it on Node, Bun and Deno.
 * @module
 */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RepositoryFacts } from "../../../runtime/grasp/facts.ts";
import { METRICS } from "../../../runtime/grasp/metrics.ts";
import { toNpub } from "../../../runtime/grasp/npub.ts";
import { type WorkTree, workTree } from "../../support/git.ts";
import {
  announcementBy,
  type GraspServer,
  graspServer,
  HOST,
  MAIN,
  PURGATORY,
  runGitClient,
  stateBy,
} from "../../support/grasp-server.ts";
import { type Author, author } from "../../support/nostr.ts";
import { connect } from "../../support/relay-client.ts";
import { runCli } from "../../support/run-cli.ts";
import { type ProcessRuntime, spawnServer } from "../../support/spawn.ts";

const RUNTIMES: readonly ProcessRuntime[] = ["node", "bun", "deno"];
const folder = mkdtempSync(join(tmpdir(), "millrace-operations-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A configuration in a folder of its own. */
function configured(name: string, section: object = {}): { config: string; data: string } {
  const own = join(folder, name);
  mkdirSync(own, { recursive: true });
  const data = join(own, "data");
  const grasp = {
    domain: "git.example",
    listen: { port: 0 },
    dataDirectory: data,
    sync: { enabled: false },
    ...section,
  };
  writeFileSync(join(own, "config.json"), JSON.stringify({ grasp }));
  return { config: join(own, "config.json"), data };
}

/** The samples of a page of metrics: each series as it is written, with its value. */
function readMetrics(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(" ");
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** A date in seconds that is later than every one before, and than now. */
let last = Math.floor(Date.now() / 1000);
const date = () => ++last;

/** Asks with any path, as it is written. */
function raw(url: string, path: string, headers: Record<string, string> = {}) {
  return new Promise<{ status: number; location: string | undefined; body: string }>((resolve, reject) => {
    const asked = request(url, { path, headers, agent: false }, async (answer) => {
      let body = "";
      for await (const part of answer.setEncoding("utf8")) body += part;
      resolve({ status: answer.statusCode!, location: answer.headers.location, body });
    });
    asked.on("error", reject).end();
  });
}

/** How long a figure that is taken in the background is waited for. */
const WAIT = { timeout: 20_000 };

describe.each(RUNTIMES)("a start that cannot be, on %s", (runtime) => {
  test("a second process on the same data directory is refused; after SIGKILL it may start (O3, S28, T68)", async () => {
    const server = await graspServer(runtime);
    const config = join(server.folder, "config.json");
    try {
      const second = await runCli(runtime, ["serve", "--config", config]);
      expect([second.code, second.stdout]).toEqual([1, ""]);
      expect(second.stderr).toContain(join(server.folder, "data"));
      await server.restart("SIGKILL");
      expect((await fetch(`${server.url}/ready`)).status).toBe(200);
    } finally {
      await server.stop();
    }
  }, 60_000);

  test("an old Git and no Git stop it, and the version is named (O2)", async () => {
    const bin = join(folder, `bin-${runtime}`);
    mkdirSync(bin);
    writeFileSync(join(bin, "git"), "#!/bin/sh\necho git version 2.36.1\n");
    chmodSync(join(bin, "git"), 0o755);
    const { config } = configured(`git-${runtime}`);
    const PATH = `${bin}${delimiter}${process.env.PATH}`;
    const old = await runCli(runtime, ["serve", "--config", config], { env: { PATH } });
    expect([old.code, old.stdout]).toEqual([1, ""]);
    expect(old.stderr).toContain("2.36.1");
    const none = await runCli(runtime, ["serve", "--config", config], { env: { PATH: "/nowhere" } });
    expect([none.code, none.stdout]).toEqual([1, ""]);
  }, 60_000);

  test("a damaged database stops it before it listens, and stays as it is (P31, P33, T68)", async () => {
    const { config, data } = configured(`damaged-${runtime}`);
    mkdirSync(data, { recursive: true });
    const bytes = "a file that is no database at all, and long enough to have a header".repeat(40);
    writeFileSync(join(data, "grasp.db"), bytes);
    const { code, stdout, stderr } = await runCli(runtime, ["serve", "--config", config]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(join(data, "grasp.db"));
    expect(readFileSync(join(data, "grasp.db"), "utf8")).toBe(bytes);
  }, 60_000);

  test("faults of the configuration are named at once, by serve and by check alike (O1)", async () => {
    const { config } = configured(`faults-${runtime}`, {
      basePath: "x",
      relayKey: "",
      icon: "/absent.png",
      nme: "x",
    });
    const results = await Promise.all(
      ["serve", "check"].map((command) => runCli(runtime, [command, "--config", config])),
    );
    for (const { code, stderr } of results) {
      expect(code).toBe(1);
      for (const field of ["basePath", "relayKey", "nme"]) expect(stderr).toContain(`grasp.${field}`);
    }
    expect(results[0]!.stderr).toBe(results[1]!.stderr);
    const icon = configured(`icon-${runtime}`, { icon: join(folder, "absent.png") });
    for (const command of ["serve", "check"]) {
      const { code, stderr } = await runCli(runtime, [command, "--config", icon.config]);
      expect([code, stderr.includes("grasp.icon")]).toEqual([1, true]);
    }
  }, 60_000);
});

describe.each(RUNTIMES)("GRASP on %s", (runtime) => {
  let server: GraspServer;
  let owner: Author;

  beforeAll(async () => {
    owner = author();
    server = await graspServer(runtime, {
      name: "A <b>name</b>",
      operatorPubkey: owner.key,
      basePath: "/relay/",
      deny: { repositories: ["forbidden"] },
    });
  }, 60_000);
  afterAll(() => server?.stop());

  const at = (path: string) => `${server.url}/relay${path}`;

  test("NIP-11 has its type and CORS, on the preflight too (O5)", async () => {
    const about = await fetch(at("/"), { headers: { accept: "application/nostr+json" } });
    expect(about.headers.get("content-type")).toBe("application/nostr+json");
    expect(about.headers.get("access-control-allow-origin")).toBe("*");
    expect(await about.json()).toMatchObject({
      name: "A <b>name</b>",
      pubkey: owner.key,
      curation: expect.any(String),
      icon: "https://git.example/relay/icon.png",
    });
    const preflight = await fetch(at("/"), { method: "OPTIONS" });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, "*"]);
    const head = await fetch(at("/"), { method: "HEAD", headers: { accept: "application/nostr+json" } });
    expect([head.status, head.headers.get("content-type"), await head.text()]).toEqual([
      200,
      "application/nostr+json",
      "",
    ]);
  });

  test("names, health, readiness, robots, icon and metrics have paths of their own (G5, O5, O10)", async () => {
    const names = await fetch(at("/.well-known/nostr.json?name=_"));
    expect([names.headers.get("access-control-allow-origin"), await names.json()]).toEqual([
      "*",
      { names: { _: owner.key } },
    ]);
    for (const path of ["/health", "/ready"]) {
      const answer = await fetch(at(path));
      expect([path, answer.status, await answer.json()]).toEqual([path, 200, { status: "ok" }]);
    }
    expect(await (await fetch(at("/robots.txt"))).text()).toMatch(/^User-agent: \*$/m);
    const icon = new Uint8Array(await (await fetch(at("/icon.png"))).arrayBuffer());
    expect([...icon.subarray(1, 4)]).toEqual([0x50, 0x4e, 0x47]);
    expect(await (await fetch(at("/metrics"))).text()).toContain("grasp_events_total");
  });

  test("everything is below the base path, and nothing beside it (G31)", async () => {
    expect((await raw(server.url, "/relay")).location).toBe("/relay/");
    for (const path of ["/", "/health", "/relayx/", `/${toNpub(owner.key)}/repo.git`]) {
      expect([path, (await raw(server.url, path)).status]).toEqual([path, 404]);
    }
  });

  test("one spelling of a repository has the page, others are sent there, and none is another repository (G2, G7, T6)", async () => {
    const client = await connect(at("/"));
    const path = `${toNpub(owner.key)}/a%20b.git`;
    const listed = [
      ["d", "a b"],
      ["clone", `https://git.example/relay/${path}`],
      ["relays", "wss://git.example/relay/"],
    ];
    expect(await client.publish(owner.sign(30617, listed))).toEqual([true, PURGATORY]);
    client.close();
    expect((await raw(server.url, `/relay/${path}`)).status).toBe(200);
    expect((await raw(server.url, `/relay/${path}/`)).status).toBe(200);
    const other = await raw(server.url, `/relay/${toNpub(owner.key)}/%61%20b.git`);
    expect([other.status, other.location]).toEqual([308, `/relay/${path}`]);
    const git = await raw(
      server.url,
      `/relay/${toNpub(owner.key)}/%61%20b.git/info/refs?service=git-upload-pack`,
    );
    expect(git.status).toBe(200);
    for (const name of [
      "a%2520b.git",
      "a%2fb.git",
      "%2e%2e%2fa%20b.git",
      "..%5ca%20b.git",
      "a%20b.git%00",
      "a%20b%c0%ae.git",
      "a%20b%ed%a0%80.git",
      "a%20b..git",
      "%61%20b",
    ]) {
      const { status } = await raw(server.url, `/relay/${toNpub(owner.key)}/${name}`);
      expect([name, status]).toEqual([name, 404]);
    }
    const upper = await raw(server.url, `/relay/${toNpub(owner.key).toUpperCase()}/a%20b.git`);
    expect(upper.status).toBe(404);
  });

  test("SIGHUP reads the lists again, and names what needs a restart (O1)", async () => {
    const config = join(server.folder, "config.json");
    const before = readFileSync(config, "utf8");
    const { grasp } = JSON.parse(before) as { grasp: Record<string, unknown> };
    const text = async () => {
      const answer = await fetch(at("/"), { headers: { accept: "application/nostr+json" } });
      return (await answer.json()) as { name: string };
    };
    writeFileSync(
      config,
      JSON.stringify({
        grasp: { ...grasp, name: "another", basePath: "/moved/", deny: { repositories: [] } },
      }),
    );
    const logged = server.program.log().length;
    server.program.kill("SIGHUP");
    await expect
      .poll(() => server.program.log().slice(logged), { timeout: 10_000 })
      .toContain("grasp.basePath");
    expect(await text()).toMatchObject({ name: "another" });
    expect(await text()).not.toHaveProperty("curation");
    writeFileSync(config, before);
  });
});

describe.each(RUNTIMES)("a push in metrics and log on %s", (runtime) => {
  let server: GraspServer;
  let owner: Author;
  let work: WorkTree;

  beforeAll(async () => {
    server = await graspServer(runtime);
    work = workTree(server.folder);
    owner = author();
  }, 60_000);
  afterAll(() => server?.stop());

  const metrics = async () => readMetrics(await (await fetch(`${server.url}/metrics`)).text());

  test("every series is there before anything happens, with 0 (O12)", async () => {
    const before = await metrics();
    for (const { name, type, labels = {}, isOpen } of METRICS) {
      if (isOpen) continue;
      const suffix = type === "histogram" ? "_count" : "";
      const series = [...before.keys()].filter((key) => key.split("{")[0] === name + suffix);
      const expected = Object.values(labels).reduce((product, values) => product * values.length, 1);
      expect([name, series.length]).toEqual([name, expected]);
      if (type !== "gauge" && !name.startsWith("grasp_git_")) {
        expect([name, series.every((key) => before.get(key) === 0)]).toEqual([name, true]);
      }
    }
    const build = [...before.keys()].find((key) => key.startsWith("grasp_build_info"));
    expect(build).toMatch(/git="2\.\d+/);
    expect(build).toContain(`runtime="${runtime}"`);
  });

  test("announcement, state, push and fetch are counted where they belong", async () => {
    const commit = work.commit("a", "one");
    const client = await connect(server.url);
    await client.publish(announcementBy(owner));
    await client.publish(stateBy(owner, { [MAIN]: commit }));
    const waiting = await metrics();
    expect(waiting.get('grasp_purgatory_entries{store="announcement"}')).toBe(1);
    expect(waiting.get('grasp_purgatory_entries{store="state"}')).toBe(1);
    expect(waiting.get("grasp_connections")).toBe(1);
    // Repositories are measured in the background.
    await expect.poll(async () => (await metrics()).get("grasp_repositories"), WAIT).toBe(1);
    expect(await runGitClient(work.path, "push", server.repository(owner), "main")).toMatchObject({
      code: 0,
    });
    expect(
      await runGitClient(work.path, "clone", "-q", server.repository(owner), join(server.folder, "clone")),
    ).toMatchObject({ code: 0 });
    const expected = {
      'grasp_events_received_total{outcome="waits",source="direct"}': 2,
      'grasp_events_total{kind="announcement"}': 1,
      'grasp_events_total{kind="state"}': 1,
      'grasp_purgatory_entries{store="state"}': 0,
      'grasp_purgatory_left_total{because="released",store="state"}': 1,
      grasp_purgatory_wait_seconds_count: 2,
      'grasp_git_requests_total{operation="push",status="2xx"}': 1,
      'grasp_git_requests_total{operation="advertise_push",status="2xx"}': 1,
      'grasp_messages_total{direction="in"}': 2,
      'grasp_messages_total{direction="out"}': 2,
      grasp_verification_seconds_count: 2,
      grasp_alignments_total: 1,
    };
    // The end of an answer is counted when its connection has it.
    await expect
      .poll(async () => {
        const after = await metrics();
        return Object.fromEntries(Object.keys(expected).map((key) => [key, after.get(key)]));
      }, WAIT)
      .toEqual(expected);
    const after = await metrics();
    expect(after.get('grasp_git_requests_total{operation="fetch",status="2xx"}')).toBeGreaterThan(0);
    expect(after.get('grasp_git_bytes_total{direction="out"}')).toBeGreaterThan(100);
    // Bun does not count what a connection read.
    if (runtime !== "bun") expect(after.get('grasp_git_bytes_total{direction="in"}')).toBeGreaterThan(100);
    await expect
      .poll(async () => (await metrics()).get('grasp_largest_repository_bytes{rank="1"}'), WAIT)
      .toBeGreaterThan(100);
    expect(after.get("grasp_disk_free_bytes")).toBeGreaterThan(0);

    const url = server.repository(owner);
    expect(await runGitClient(work.path, "clone", "-q", url, join(server.folder, "again"))).toMatchObject({
      code: 0,
    });
    client.say("REQ", "open", { kinds: [1] });
    await client.next(([type]) => type === "EOSE");
    const last = await metrics();
    const grown = (result: string) => {
      const key = `grasp_git_cache_total{result="${result}"}`;
      return last.get(key)! - after.get(key)!;
    };
    // The same clone again makes no answer (G32).
    expect([grown("hit") > 0, grown("shared"), grown("miss")]).toEqual([true, 0, 0]);
    expect(after.get('grasp_git_cache_total{result="miss"}')).toBeGreaterThan(0);
    expect(last.get('grasp_git_cache_bytes{place="memory"}')).toBeGreaterThan(0);
    expect([after.get("grasp_subscriptions"), last.get("grasp_subscriptions")]).toEqual([0, 1]);
    client.close();
  }, 60_000);

  test("the log has no whole id and no address, and is printable (O13)", () => {
    const log = server.program.log();
    expect(log).toContain(toNpub(owner.key));
    expect(log).not.toContain(owner.key);
    expect(log).not.toMatch(/[0-9a-f]{40}/);
    for (const line of log.trimEnd().split("\n")) {
      expect(() => JSON.parse(line)).not.toThrow();
      if (!line.includes('"listening"')) expect(line).not.toContain("127.0.0.1");
    }
  });
});

test.each(RUNTIMES)(
  "status.json tells what waits and what is missing, and then what is served, on %s (G8, G27)",
  async (runtime) => {
    const server = await graspServer(runtime);
    try {
      const [owner, friend] = [author(), author()];
      const work = workTree(server.folder);
      const commit = work.commit("a", "one");
      const client = await connect(server.url);
      const facts = async () => {
        const answer = await fetch(`${server.repository(owner)}/status.json`);
        return { status: answer.status, facts: (await answer.json().catch(() => null)) as RepositoryFacts };
      };
      expect((await facts()).status).toBe(404);
      const announcement = announcementBy(owner, "repo", [["maintainers", friend.key]]);
      const state = stateBy(friend, { [MAIN]: commit });
      await client.publish(announcement);
      await client.publish(state);
      // Facts are shown again for two seconds: these are the first ones.
      const { facts: waiting } = await facts();
      expect(waiting).toMatchObject({
        owner: toNpub(owner.key),
        place: "waiting",
        state: { id: state.id, author: toNpub(friend.key), place: "waiting" },
        refs: [{ name: MAIN, stated: commit, here: null }],
        may_push: [{ role: "owner" }, { role: "maintainer", because: { id: announcement.id } }],
      });
      expect(waiting.waiting.map(({ what, missing, source }) => [what, missing, source])).toEqual([
        ["announcement", [], "direct"],
        ["state", [commit], "direct"],
      ]);
      expect(await runGitClient(work.path, "push", server.repository(owner), "main")).toMatchObject({
        code: 0,
      });
      await expect
        .poll(async () => (await facts()).facts, { timeout: 10_000, interval: 300 })
        .toMatchObject({
          place: "served",
          state: { place: "served" },
          refs: [{ name: MAIN, stated: commit, here: commit }],
          waiting: [],
        });
      client.close();
    } finally {
      await server.stop();
    }
  },
  60_000,
);

test.each(RUNTIMES)(
  "a nearly full disk and quotas refuse with a reason, and reads go on, on %s (O24)",
  async (runtime) => {
    const server = await graspServer(runtime);
    const config = join(server.folder, "config.json");
    const { grasp } = JSON.parse(readFileSync(config, "utf8"));
    let reloads = 0;
    const reload = async (section: object) => {
      writeFileSync(config, JSON.stringify({ grasp: { ...grasp, ...section } }));
      server.program.kill("SIGHUP");
      reloads++;
      await expect
        .poll(() => server.program.log().split("read again").length - 1, { timeout: 10_000 })
        .toBe(reloads);
    };
    try {
      const owner = author();
      const work = workTree(server.folder);
      const git = (...args: string[]) => runGitClient(work.path, ...args);
      const client = await connect(server.url);
      const first = work.commit("a", "one");
      await client.publish(announcementBy(owner));
      await client.publish(stateBy(owner, { [MAIN]: first }, "repo", date()));
      expect(await git("push", server.repository(owner), "main")).toMatchObject({ code: 0 });
      const second = work.commit("a", "two");
      const next = stateBy(owner, { [MAIN]: second }, "repo", date());
      expect(await client.publish(next)).toEqual([true, PURGATORY]);

      await reload({ minFreeBytes: Number.MAX_SAFE_INTEGER });
      const onFullDisk = await git("push", server.repository(owner), "main");
      expect([onFullDisk.code === 0, onFullDisk.output]).toEqual([false, expect.stringContaining("full")]);
      const [ok, text] = await client.publish(announcementBy(author()));
      expect([ok, text]).toEqual([false, expect.stringMatching(/^error: .*full/)]);
      const clone = join(server.folder, "clone");
      expect(await git("clone", "-q", server.repository(owner), clone)).toMatchObject({ code: 0 });
      expect(await client.query({ kinds: [30618] })).toHaveLength(1);
      expect((await fetch(`${server.url}/health`)).status).toBe(200);

      await reload({ minFreeBytes: 0, quota: { bytesPerRepository: 1 } });
      const overQuota = await git("push", server.repository(owner), "main");
      expect([overQuota.code === 0, overQuota.output]).toEqual([false, expect.stringContaining("quota")]);

      await reload({ minFreeBytes: 0 });
      expect(await git("push", server.repository(owner), "main")).toMatchObject({ code: 0 });
      client.close();
    } finally {
      await server.stop();
    }
  },
  90_000,
);

test.each(RUNTIMES)(
  "metrics on a port of their own are not on the public one, on %s",
  async (runtime) => {
    const server = await graspServer(runtime, { metrics: { listen: { port: 0 } } });
    try {
      expect((await fetch(`${server.url}/metrics`)).status).toBe(404);
      const line = server.program
        .log()
        .split("\n")
        .map((text) => (text.startsWith("{") ? JSON.parse(text) : {}))
        .find(({ service }) => service === "grasp") as { metrics: string; git: string };
      expect(line.git).toMatch(/^2\./);
      const metrics = await fetch(`${line.metrics}/metrics`);
      expect(await metrics.text()).toContain("grasp_events_total");
    } finally {
      await server.stop();
    }
  },
  60_000,
);

test("grasp serve and grasp check leave other services out (O14)", async () => {
  const path = join(folder, "both.json");
  const edgeCookie = {
    publisher: { domain: "site.example", origin: "http://127.0.0.1:9" },
    passphrases: ["secret-of-site-example"],
  };
  const grasp = { domain: HOST, listen: { port: 0 }, dataDirectory: join(folder, "both") };
  const check = () => runCli("node", ["grasp", "check", "--config", path]);
  writeFileSync(path, JSON.stringify({ edgeCookie, grasp }));
  expect((await check()).stdout).toMatch(/: grasp\n$/);
  const program = await spawnServer("node", ["worker/cli/main.ts", "grasp", "serve", "--config", path]);
  try {
    expect((await fetch(`${program.url}/ready`)).status).toBe(200);
    expect(program.log()).not.toContain("edge-cookie");
  } finally {
    await program.stop();
  }
  writeFileSync(path, JSON.stringify({ edgeCookie }));
  const { code, stderr } = await check();
  expect([code, stderr.includes("no section grasp")]).toEqual([1, true]);
}, 60_000);

test.each([
  ["of GRASP", { trustedProxies: ["127.0.0.0/8"] }, {}],
  ["of all services", {}, { client: { trustedProxies: 1 } }],
])(
  "metrics on the public port are for clients of this machine alone, behind proxies %s (O12, G31)",
  async (_, section, shared) => {
    const server = await graspServer("node", section, shared);
    try {
      const path = "/metrics";
      expect((await raw(server.url, path, { "x-forwarded-for": "192.0.2.7" })).status).toBe(404);
      expect((await raw(server.url, path, { "x-forwarded-for": "127.0.0.1" })).status).toBe(200);
    } finally {
      await server.stop();
    }
  },
  60_000,
);

test("an announcement that lists a base path that is not ours is refused (G31)", async () => {
  const server = await graspServer("node", { basePath: "/relay/" });
  try {
    const client = await connect(`${server.url}/relay/`);
    const [ok, text] = await client.publish(announcementBy(author()));
    expect([ok, text]).toEqual([false, expect.stringContaining("/relay/")]);
    client.close();
  } finally {
    await server.stop();
  }
}, 60_000);
