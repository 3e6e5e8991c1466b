/**
 * GRASP as one of the services of a millrace process: a Nostr relay and a Git server on one address.
 * @module
 */
import { mkdirSync } from "node:fs";
import { GRASP_REDACTION } from "../../runtime/grasp/log-lines.ts";
import { ALL_METRICS } from "../../runtime/grasp/metrics.ts";
import { PastFigures } from "../admin/past.ts";
import type { Command } from "../cli/command.ts";
import { StartError } from "../serve/start-error.ts";
import type { RunningService, ServiceModule, Shared } from "../service.ts";
import { operatorAnswer } from "./admin/operator-answer.ts";
import { StatusReader } from "./admin/read-status.ts";
import { backup } from "./commands/backup.ts";
import { check } from "./commands/check.ts";
import { publish } from "./commands/publish.ts";
import { serve } from "./commands/serve.ts";
import { type GraspSection, graspSection, loopbackFault, metricsPlace } from "./config.ts";
import { openControl } from "./control/channel.ts";
import { verbCommand } from "./control/verb-command.ts";
import { VERBS } from "./control/verbs.ts";
import { AnswerCache } from "./git/answer-cache.ts";
import { iconFault } from "./icon.ts";
import { RunningGrasp } from "./running-grasp.ts";
import { Background } from "./start/background.ts";
import { startCore } from "./start/core.ts";
import { lockData } from "./start/data-lock.ts";
import { gitVersion } from "./start/git-version.ts";
import { operatorRules } from "./start/operator-rules.ts";
import { serveOperator } from "./start/operator-server.ts";
import { openParts } from "./start/parts.ts";
import { openSite } from "./start/site.ts";
import { startingSection } from "./starting-section.ts";

export const graspService: ServiceModule<GraspSection> = {
  ...graspSection,
  metrics: ALL_METRICS,
  redact: GRASP_REDACTION,
  listen: ({ listen }) => listen,
  hosts: ({ domain, aliases }) => [domain, ...aliases],
  trustedProxies: ({ trustedProxies }) => trustedProxies ?? undefined,
  commands: {
    ...{ "grasp serve": serve, "grasp publish": publish, "grasp backup": backup },
    ...{ ...administration(), "grasp check": check },
  },
  servingFaults: (section, listen) => {
    const fault = iconFault(section.icon);
    return [...(fault === null ? [] : [fault]), ...loopbackFault(section, listen)];
  },
  workersFaults: ({ replica }) =>
    replica
      ? []
      : [
          {
            field: "",
            found: "--workers",
            expected:
              "one process, which owns the data directory, unless replica is true: serve it by millrace grasp serve, beside a configuration without it",
          },
        ],
  create,
  starting: startingSection,
  demonstration: {
    unless: ["domain"],
    start: async (entry, env) => (await import("./demo/main.ts")).startDemo(graspService, entry, env),
  },
};

/** The commands that run in the service (O14). */
function administration(): Readonly<Record<string, Command>> {
  const commands = Object.entries(VERBS).map(([name, verb]) => [`grasp ${name}`, verbCommand(name, verb)]);
  return Object.fromEntries(commands);
}

async function create(shared: Shared, section: GraspSection): Promise<RunningService> {
  // Loaded where it is used: most processes write.
  if (section.replica) return (await import("./replica/start-replica.ts")).startReplica(shared, section);
  // Its process runs while the database is checked.
  const version = gitVersion();
  version.catch(() => {});
  const lock = lockData(makeDirectory(section.dataDirectory));
  try {
    return await start(shared, section, { version, release: lock.release });
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** @throws {StartError} if the directory cannot be made. */
function makeDirectory(path: string): string {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    return path;
  } catch (cause) {
    throw new StartError(`cannot make the data directory ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Starts in the order of P31: the lock is ours already. */
async function start(
  shared: Shared,
  section: GraspSection,
  git: { readonly version: Promise<string>; release(): void },
): Promise<RunningService> {
  const parts = await openParts(shared, section, git.version);
  const core = await startCore(parts);
  const background = new Background(parts, core);
  const { disk, pool, observer } = parts;
  const cache = new AnswerCache(parts.folders.cache, pool);
  const place = metricsPlace(section);
  const { grasp, relay } = core;
  const sample = () => {
    background.relaySync?.sample();
    return observer.sample({ grasp, disk, pool, cache, relay });
  };
  const status = new StatusReader({ parts, core, background, sample });
  const past = new PastFigures(() => status.sample());
  const rules = operatorRules(parts);
  const operator = (basePath: string) =>
    operatorAnswer({
      basePath,
      rules,
      status: () => status.read(),
      past: () => status.past(past.samples),
      async metrics() {
        await sample();
        return observer.answer();
      },
    });
  const site = openSite({
    ...{ parts, grasp, cache },
    purgatorySync: background.purgatorySync,
    operator: place === "public" ? operator(section.basePath) : null,
  });
  const metricsServer =
    typeof place === "string"
      ? null
      : await serveOperator(shared.entry, place, { answer: operator("/"), site, log: shared.log });
  background.start();
  past.start();
  const control = await openControl({ parts, core, background, status }, VERBS);
  site.ready();
  return new RunningGrasp({
    ...{ parts, core, background, site, control, status, past, metricsServer },
    release: git.release,
  });
}
