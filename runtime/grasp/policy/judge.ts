/**
 * The policy's answer to an event of any kind, by what is known (R26 to R62). Whether Git data are here is not asked: what needs
 * some waits.
 * @module
 */
import type { NostrEvent } from "../events/event.ts";
import { KIND } from "../events/kinds.ts";
import type { From } from "../purgatory/entry.ts";
import { judgeAnnouncement } from "./announcement-policy.ts";
import { judgeOther } from "./other-policy.ts";
import { judgePr } from "./pr-policy.ts";
import { judgeState } from "./state-policy.ts";
import type { Verdict } from "./verdict.ts";
import type { World } from "./world.ts";

/** Judges an event whose shape, id and signature are good. */
export function judge(event: NostrEvent, { source }: Pick<From, "source">, world: World): Verdict {
  switch (event.kind) {
    case KIND.announcement:
      return judgeAnnouncement(event, world);
    case KIND.state:
      return judgeState(event, { isComplete: false, isFromSync: source === "sync" }, world);
    case KIND.pullRequest:
    case KIND.pullRequestUpdate:
      return judgePr(event, { isComplete: false }, world);
    default:
      return judgeOther(event, world);
  }
}
