/**
 * The files of `deploy/`: the steps of the Dockerfile in folders of this machine, and systemd's own checks of the unit file.
 * @module
 */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { systemdAnalyze } from "../support/programs.ts";
import { root } from "../support/spawn.ts";
import { runCommand, startProgram } from "../support/start-program.ts";

const TIMEOUT_MS = 120_000;
/** The most that `systemd-analyze security` may say of the unit, in tenths: "OK" ends at 40. */
const EXPOSURE = 20;
const read = (path: string) => readFileSync(join(root, path), "utf8");
const folder = mkdtempSync(join(tmpdir(), "millrace-deployment-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One instruction of a Dockerfile, without comments, its lines joined. */
interface Instruction {
  name: string;
  value: string;
}

function instructionsOf(text: string): Instruction[] {
  const lines = text
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\\\n\s*/g, "")
    .split("\n");
  return lines.filter(Boolean).map((line) => {
    const [, name, value] = /^([A-Z]+) (.+)$/.exec(line)!;
    return { name: name!, value: value! };
  });
}

describe("the Dockerfile", () => {
  const all = instructionsOf(read("deploy/Dockerfile"));
  const start = all.findLastIndex(({ name }) => name === "FROM");
  const stages = { build: all.slice(0, start), image: all.slice(start) };
  const valuesOf = (name: string) =>
    stages.image.filter((each) => each.name === name).map(({ value }) => value);

  /** Runs the copies of a stage. @param target what takes the place of the folder of the image */
  function copy(stage: Instruction[], target: string, built: string | null): void {
    for (const { value } of stage.filter(({ name }) => name === "COPY")) {
      const isBuilt = value.startsWith("--from=build ");
      const parts = value.replace("--from=build ", "").split(" ");
      const to = parts.pop()!;
      for (const part of parts) {
        const from = isBuilt ? part.replace("/src", built!) : join(root, part);
        if (part.endsWith("node_modules"))
          symlinkSync(join(root, "node_modules"), join(target, "node_modules"));
        else
          cpSync(from, join(target, /\/$|^\.$/.test(to) ? part.replace(/^.*\//, "") : to), {
            recursive: true,
          });
      }
    }
  }

  test("sends nothing to the build but what it copies", () => {
    const sent = read("deploy/Dockerfile.dockerignore")
      .split("\n")
      .filter((line) => line.startsWith("!"));
    const copied = all
      .filter(({ name, value }) => name === "COPY" && !value.startsWith("--from"))
      .flatMap(({ value }) => value.split(" ").slice(0, -1));
    for (const path of copied) {
      expect(existsSync(join(root, path)), path).toBe(true);
      expect(
        sent.some((line) => path.match(`^${line.slice(1).replace(".", "\\.").replace("*", ".*")}$`)),
        path,
      ).toBe(true);
    }
  });

  test("has no secrets, an ordinary user, and a client of Redis as the tests have it", () => {
    expect(valuesOf("USER")).toEqual(["node"]);
    expect(all.filter(({ name }) => name === "ARG")).toEqual([]);
    expect(all.map(({ name, value }) => (name === "ENV" ? value : "")).join(" ")).not.toMatch(
      /pass|secret|token|key/i,
    );
    const { version } = JSON.parse(read("node_modules/@redis/client/package.json"));
    expect(stages.build.at(-1)!.value).toContain(`@redis/client@${version}`);
  });

  test(
    "builds and serves from what it copies alone; the health check says so; SIGTERM ends it",
    async () => {
      const [built, app, data] = ["src", "app", "data"].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      for (const each of [built, app, data]) mkdirSync(each);
      copy(stages.build, built, null);
      symlinkSync(join(root, "node_modules"), join(built, "node_modules")); // what npm installs
      // The compiled module is kept with its stamp: the set-up of the tests made it from the same sources.
      rmSync(join(built, "worker/admin/built"), { recursive: true, force: true });
      const step = stages.build.find(({ value }) => value.startsWith("node "))!.value;
      for (const command of step.split(" && ")) {
        const args = command.split(" ").slice(1);
        execFileSync(process.execPath, args, { cwd: built, timeout: TIMEOUT_MS, stdio: "pipe" });
      }
      copy(stages.image, app, built);

      writeFileSync(
        join(folder, "config.json"),
        JSON.stringify({
          edgeCookie: {
            listen: { port: 0 },
            publisher: { domain: "publisher.example", origin: "http://127.0.0.1:9" },
            passphrases: [{ env: "PASSPHRASE" }],
            consent: { assumeCountry: "JP" },
          },
        }),
      );
      const [entry, command] = ["ENTRYPOINT", "CMD"].map((name) =>
        JSON.parse(valuesOf(name)[0]!),
      ) as string[][];
      const args = [...entry!.slice(1), ...command!].map((each) =>
        each.replace("/app", app).replace("/etc/millrace", folder),
      );
      const server = await startProgram({
        command: process.execPath,
        args,
        cwd: data,
        env: { PASSPHRASE: "publisher-chosen-secret" },
        ready: /listening on (http:\S+)/,
      });
      const [check] = /\[.*\]/.exec(valuesOf("HEALTHCHECK")[0]!)!;
      const health = async () => {
        const HEALTH_URL = `${server.url}/_ts/health`;
        const args = [JSON.parse(check)[1].replace("/app", app)];
        return (await runCommand({ command: process.execPath, args, env: { HEALTH_URL } })).code;
      };
      try {
        expect(await health()).toBe(0);
        expect(existsSync(join(data, "data/millrace.db"))).toBe(true);
      } finally {
        expect(await server.stop("SIGTERM")).toBe(0);
      }
      expect(await health()).toBe(1);
    },
    TIMEOUT_MS,
  );
});

describe.skipIf(systemdAnalyze.find() === null)("the unit file", () => {
  const analyze = (...args: string[]) => runCommand({ command: systemdAnalyze.find()!, args });

  test("is valid, and names files that the package has", async () => {
    const text = read("deploy/millrace.service");
    const main = /node_modules\/millrace\/(dist\/\S+)\.js serve/.exec(text)![1]!;
    expect(JSON.parse(read("package.json")).bin.millrace).toBe(`./${main}.js`);
    // As written, but for where this machine has Node.
    const file = join(folder, "millrace.service");
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text.replace("/usr/bin/node", process.execPath));
    const { code, all } = await analyze("verify", "--man=no", file);
    expect([code, all]).toEqual([0, ""]);
  });

  test("leaves little to a process that was taken over", async () => {
    const file = join(root, "deploy/millrace.service");
    const { code, all } = await analyze(
      "security",
      "--offline=true",
      `--threshold=${EXPOSURE}`,
      "--no-pager",
      file,
    );
    expect(code, all).toBe(0);
  });
});
