/**
 * `millrace grasp status`: the service in figures.
 * @module
 */
import type { GraspStatus } from "../../admin/status.ts";
import type { Row, Verb } from "../verb.ts";

export const status: Verb = {
  summary: "show what the running GRASP service holds and does",
  details:
    "Figures of the service: repositories, what waits and for how long, Git processes, the disk, and the build.",
  async run(_values, running, output) {
    const figures = figuresOf(await running.status.read(0));
    for (const [what, value] of Object.entries(figures)) output.row({ what, value });
  },
};

function figuresOf(status: GraspStatus): Row {
  const { build, purgatory, repositories, git, sync, relays } = status;
  const sum = (of: "running" | "waiting") => git.shares.reduce((all, share) => all + share[of], 0);
  const oldestMs = purgatory.oldest_ms;
  return {
    version: build.version + (build.commit === "" ? "" : ` (${build.commit})`),
    runtime: build.runtime,
    git: build.git,
    domain: status.domain,
    connections: status.connections,
    repositories: repositories.count,
    "bytes of repositories": repositories.bytes,
    "free bytes": status.free_bytes,
    "announcements that wait": purgatory.counts.announcement,
    "states that wait": purgatory.counts.state,
    "pull requests that wait": purgatory.counts.pr,
    "uploads that wait": purgatory.counts.placeholder,
    "oldest that waits, in seconds": oldestMs === null ? null : Math.round((status.now_ms - oldestMs) / 1000),
    "identifiers to fetch": sync.queued,
    "domains asked": sync.domains.length + sync.domains_left_out,
    "git processes": sum("running"),
    "requests that wait for git": sum("waiting"),
    "relays followed": relays?.tracked ?? 0,
    "relays connected": relays?.connected ?? 0,
    "repositories checked": repositories.repair.checked,
    "repositories repaired": repositories.repair.repaired,
    "repositories incomplete": repositories.repair.incomplete,
  };
}
