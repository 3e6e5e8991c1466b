/**
 * A server whose service closes when a timer fires that keeps no process alive, as the host's own do not.
 * Argument: milliseconds until then; `never`.
 * @module
 */
import process from "node:process";
import { createLog } from "../../runtime/observe/log.ts";
import { host, serve } from "../../worker/entries/node.ts";
import { serveUntilSignal } from "../../worker/serve/serve.ts";

const given = process.argv[2];
const log = createLog({
  level: "info",
  write: (line) => process.stderr.write(`${line}\n`),
  clock: host.clock,
});

await serveUntilSignal(
  { host, serve },
  [
    {
      title: "waiting",
      listen: { host: "127.0.0.1", port: 0 },
      service: {
        handler: () => new Response("here\n"),
        close: () =>
          new Promise<void>((resolve) => {
            if (given !== "never") setTimeout(resolve, Number(given)).unref();
          }),
      },
    },
  ],
  log,
);
