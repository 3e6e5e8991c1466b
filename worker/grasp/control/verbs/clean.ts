/**
 * `millrace grasp clean`: unused repositories (O16).
 * @module
 */
import type { Unneeded } from "../../../../runtime/grasp/cleaning.ts";
import type { Clock } from "../../../../runtime/platform.ts";
import { nameOf } from "../repository-name.ts";
import type { Verb } from "../verb.ts";

/** Between the two looks, in milliseconds. */
const SECOND_LOOK_MS = 60_000;

export const clean: Verb = {
  summary: "list unused repositories, or take them away",
  details:
    "Lists repositories whose announcement is served and that have no ref, and, with --orphans, repositories that no\n" +
    "announcement here belongs to. Nothing changes without --execute. With it there is a second look 60 s later, and what\n" +
    "is still unused goes out of service; it is held for 90 days, and millrace grasp held brings it back.",
  options: {
    execute: { summary: "take them away" },
    orphans: { summary: "also repositories without an announcement" },
  },
  async run({ execute, orphans }, { parts, core }, output) {
    const { cleaning } = core.grasp;
    const find = async () =>
      (await cleaning.find()).filter(({ why }) => orphans === true || why === "no_refs");
    const first = await find();
    if (execute !== true) {
      for (const one of first) output.row({ repository: nameOf(one), why: one.why });
      return;
    }
    if (first.length === 0) return;
    output.progress(`${first.length} repositories are unused; they are looked at again in 60 s`);
    await passes(parts.host.clock, SECOND_LOOK_MS, output.signal);
    const isSame = (a: Unneeded) => (b: Unneeded) => nameOf(a) === nameOf(b) && a.why === b.why;
    for (const one of (await find()).filter((second) => first.some(isSame(second)))) {
      output.signal.throwIfAborted();
      const isGone = await cleaning.clean(one);
      output.row({ repository: nameOf(one), why: one.why, outcome: isGone ? "held" : "kept" });
    }
  },
};

/** Waits. @throws the signal's reason, if it aborts first. */
function passes(clock: Pick<Clock, "after">, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done, fail) => {
    // A signal that aborted before is not told again.
    signal.throwIfAborted();
    const cancel = clock.after(ms, done);
    signal.addEventListener("abort", () => {
      cancel();
      fail(signal.reason);
    });
  });
}
