/**
 * The decisions of the service and the relay in front of them, on the parts that are open.
 * @module
 */
import { Grasp } from "../../../runtime/grasp/grasp.ts";
import type { GraspHappening } from "../../../runtime/grasp/happenings.ts";
import type { Log } from "../../../runtime/platform.ts";
import { eventLimits, relayLimits } from "../config.ts";
import { type RelaySocket, relaySocket } from "../relay-socket.ts";
import { foldsNames } from "./folds-names.ts";
import type { Parts } from "./parts.ts";

export interface Core extends RelaySocket {
  readonly grasp: Grasp;
}

/** Starts the core: what a crash left behind is repeated or healed, and what the operator denies is gone (P31, R26). */
export async function startCore(parts: Parts): Promise<Core> {
  const { host, section, store, repositories, disk, lists, ourselves, observer, signatures } = parts;
  const { digests, folders, nowMs, nowSeconds } = parts;
  const grasp = new Grasp({
    ...{ store, repositories, ourselves, lists, nowMs, nowSeconds },
    room: disk,
    foldsNames: foldsNames(folders.git),
    takesPrs: section.prs.enabled,
    eventLimits: eventLimits(section),
    sha256Hex: digests.sha256Hex,
    verify: (event) => signatures.check(event),
  });
  const socket = relaySocket({
    ...{ grasp, store, ourselves, nowMs, nowSeconds },
    clock: host.clock,
    random: host.random,
    sha256: digests.sha256,
    limits: relayLimits(section),
    maxMessageBytes: section.limits.messageBytes,
  });
  observer.watch(grasp);
  grasp.onHappening((happening) => {
    if (happening.kind === "served") socket.relay.broadcast(happening.event);
    if (changesSize(happening)) disk.measure(happening.owner, happening.identifier).catch(() => {});
  });
  await repeatAndHeal(grasp, parts.shared.log);
  await removeDenied(grasp, parts.shared.log);
  return { grasp, ...socket };
}

async function repeatAndHeal(grasp: Grasp, log: Pick<Log, "warn" | "error">): Promise<void> {
  const { orphans, healed } = await grasp.start();
  for (const { owner, identifier } of orphans)
    log.warn("a repository with refs has no announcement; it is kept", { owner, identifier });
  for (const { owner, identifier, found, failed } of healed) {
    if (found.length > 0)
      log.warn("a repository had files that a crash or another server left, and is healed", {
        ...{ owner, identifier },
        files: found,
      });
    if (failed.length > 0)
      log.error(
        "a repository lacks objects that it borrowed: Git could not copy them, the next start tries again",
        {
          ...{ owner, identifier },
          files: failed,
        },
      );
  }
}

/** Ends the repositories that the operator denies (R26). */
export async function removeDenied(grasp: Grasp, log: Pick<Log, "warn">): Promise<void> {
  for (const { owner, identifier } of await grasp.removeDenied())
    log.warn("a denied repository is not served any more; its data are held", { owner, identifier });
}

/** Whether a repository's size is another one now. */
function changesSize(
  happening: GraspHappening,
): happening is Extract<GraspHappening, { readonly owner: string; readonly identifier: string }> {
  const { kind } = happening;
  return (
    kind === "aligned" ||
    kind === "push-judged" ||
    kind === "repository-created" ||
    kind === "repository-deleted"
  );
}
