/**
 * A program that makes requests on connections of their own, several at once, until it is told to end by SIGTERM. It then prints
 * how many were answered and how each of the others failed: `node connection-loop.ts URL LEAST`.
 * @module
 */
import process from "node:process";
import { visit } from "./visit.ts";

/** Number of connections at once. */
const AT_ONCE = 8;

const [url, least] = process.argv.slice(2) as [string, string];
let isTold = false;
let answered = 0;
const failed: Record<string, number> = {};
process.on("SIGTERM", () => {
  isTold = true;
});
process.stdout.write("started\n");

async function loop(): Promise<void> {
  while (!isTold || answered < Number(least)) {
    try {
      const { status } = await visit(url, {
        path: new URL(url).pathname,
        headers: [["connection", "close"]],
      });
      if (status !== 200) throw Object.assign(new Error(), { code: `status ${status}` });
      answered++;
    } catch (error) {
      const { code = String(error) } = error as { code?: string };
      failed[code] = (failed[code] ?? 0) + 1;
      isTold = true;
      break;
    }
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, loop));
process.stdout.write(`${JSON.stringify({ answered, failed })}\n`);
