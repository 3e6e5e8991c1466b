import { fromHex } from "../../runtime/lib/hex.ts";
import { createLog, createLogOnce } from "../../runtime/observe/log.ts";
import { createHotPath } from "../../wasm/hotpath.ts";
import { inlineKernels } from "../../wasm/inline.ts";
import { entryHere } from "../hosts/process/here.ts";
import { serveUntilSignal } from "../serve/serve.ts";
import { StartError } from "../serve/start-error.ts";
import { serveStore } from "../serve/store-server.ts";
import { logStrayOutput } from "../serve/stray-output.ts";
import { type Command, textOf, UsageError } from "./command.ts";

/** Default address. */
const HOST = "127.0.0.1";
const PORT = "8788";
/** Window in which a repeated fault is logged once, with a count, in milliseconds. */
const LOG_ONCE_MS = 60_000;

export const store: Command = {
  summary: "serve a store to instances on other hosts",
  details:
    "For hosts that keep nothing between requests: their store is http://:TOKEN@HOST:PORT/.\n" +
    "millrace keys makes a token and its hash. The connection is not encrypted: put TLS in front of any listener\n" +
    "that is not loopback.",
  options: {
    store: { value: "URL", summary: "the store, such as sqlite:PATH (default: this runtime's own)" },
    host: { value: "HOST", summary: `where to listen (default: ${HOST})` },
    port: { value: "PORT", summary: `the port; 0: any free one (default: ${PORT})` },
    "token-hash": { value: "HASH", summary: "the SHA-256 of the token of every call" },
  },
  async run(values) {
    const expected = textOf(values, "token-hash") ?? "";
    if (!/^[0-9a-f]{64}$/.test(expected)) {
      throw new UsageError(
        "--token-hash must be the SHA-256 of a token, 64 hex digits; millrace keys makes both",
      );
    }
    const port = Number(textOf(values, "port") ?? PORT);
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      throw new UsageError(`--port must be 0 to 65535, not ${textOf(values, "port")}`);
    }
    const entry = await entryHere();
    const { host } = entry;
    const log = createLog({ level: host.logLevel, write: host.writeLog, clock: host.clock });
    const hotPath = createHotPath(inlineKernels(), { maxKeys: 1, random: host.random });
    const encoder = new TextEncoder();
    const isToken = (token: string) =>
      hotPath.equal(hotPath.sha256(encoder.encode(token)), fromHex(expected));
    const served = host.openStore(textOf(values, "store") ?? host.defaultStore, []);
    try {
      await served.get("start");
    } catch (cause) {
      throw new StartError(`cannot open the store: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
    const logOnce = createLogOnce(log, host.clock, LOG_ONCE_MS);
    const handler = serveStore({ store: served, isToken, log: logOnce });
    async function close(): Promise<void> {
      logOnce.flush();
      await served.close();
    }
    logStrayOutput(log);
    const listen = { host: textOf(values, "host") ?? HOST, port };
    await serveUntilSignal(entry, [{ title: "store", listen, service: { handler, close } }], log);
  },
};
