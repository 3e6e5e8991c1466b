/**
 * The answer to a push: at once if its report is ready soon, else with signs of life until it is (A43).
 * @module
 */
import { sideBand } from "../../../runtime/grasp/git/pkt-line.ts";
import type { Clock } from "../../../runtime/platform.ts";
import { gitAnswer } from "./answers.ts";

/** Time between signs of life, in milliseconds (A43). */
const ALIVE_MS = 5_000;
/** An empty packet of band 1. */
const ALIVE = Buffer.from("0005\u0001", "latin1");

/**
 * @param report the whole body. If it fails before a sign of life was sent, the answer fails, too.
 * @param bodyEnd resolves when the client has sent everything.
 */
export async function reportAnswer(
  report: Promise<Uint8Array>,
  bodyEnd: Promise<void>,
  hasSideBand: boolean,
  clock: Pick<Clock, "after">,
): Promise<Response> {
  if (!hasSideBand) return gitAnswer("receive-pack-result", await report);
  const first = await Promise.race([report, bodyEnd.then(() => within(report, clock))]);
  if (first !== null) return gitAnswer("receive-pack-result", first);
  let isOver = false;
  const stream = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(ALIVE);
      const ended = report.catch(failureBody);
      for (;;) {
        const next = await within(ended, clock);
        if (isOver) return;
        controller.enqueue(next ?? ALIVE);
        if (next !== null) break;
      }
      isOver = true;
      controller.close();
    },
    cancel() {
      isOver = true;
    },
  });
  return gitAnswer("receive-pack-result", stream);
}

/** The report, if it is ready in time for the next sign of life. */
async function within(report: Promise<Uint8Array>, clock: Pick<Clock, "after">): Promise<Uint8Array | null> {
  let stop = () => {};
  const late = new Promise<null>((resolve) => {
    stop = clock.after(ALIVE_MS, () => resolve(null));
  });
  try {
    return await Promise.race([report, late]);
  } finally {
    stop();
  }
}

/** Past the first byte a failure is told by band 3 (G36). */
function failureBody(): Uint8Array {
  return Buffer.concat([...sideBand(3, Buffer.from("the server failed; push again\n")), Buffer.from("0000")]);
}
