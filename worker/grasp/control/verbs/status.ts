/**
 * `millrace grasp status`: the service in figures.
 * @module
 */
import { existsSync } from "node:fs";
import { STORES } from "../../../../runtime/grasp/purgatory/entry.ts";
import type { Row, Running, Verb } from "../verb.ts";

export const status: Verb = {
  summary: "show what the running GRASP service holds and does",
  details:
    "Figures of the service: repositories, what waits and for how long, Git processes, the disk, and the build.",
  async run(_values, running, output) {
    for (const [what, value] of Object.entries(await figuresOf(running))) output.row({ what, value });
  },
};

async function figuresOf({ parts, core, background }: Running): Promise<Row> {
  const { build, section, disk, pool, nowMs, folders } = parts;
  const { purgatory } = core.grasp;
  const { count, bytes } = disk.totals(0);
  const { used, waiting } = pool.counts();
  const sum = (counts: Readonly<Record<string, number>>) => Object.values(counts).reduce((a, b) => a + b, 0);
  const engine = background.purgatorySync.sync.inspect();
  const repairs = background.purgatorySync.repairs.counts();
  const relays = background.relaySync?.view().relays ?? [];
  const oldest = STORES.flatMap((store) => purgatory.oldestArrival(store) ?? []);
  return {
    version: build.version + (build.commit === "" ? "" : ` (${build.commit})`),
    runtime: build.runtime,
    git: build.git,
    domain: section.domain,
    connections: core.relay.connections,
    repositories: count,
    "bytes of repositories": bytes,
    "free bytes": existsSync(folders.git) ? await disk.free() : null,
    "announcements that wait": purgatory.size("announcement"),
    "states that wait": purgatory.size("state"),
    "pull requests that wait": purgatory.size("pr"),
    "uploads that wait": purgatory.size("placeholder"),
    "oldest that waits, in seconds":
      oldest.length === 0 ? null : Math.round((nowMs() - Math.min(...oldest)) / 1000),
    "identifiers to fetch": engine.queued,
    "domains asked": engine.domains.length,
    "git processes": sum({ ...used }),
    "requests that wait for git": sum({ ...waiting }),
    "relays followed": relays.length,
    "relays connected": relays.filter(({ retryAtMs }) => retryAtMs === null).length,
    "repositories checked": repairs.checked,
    "repositories repaired": repairs.repaired,
    "repositories incomplete": repairs.incomplete,
  };
}
