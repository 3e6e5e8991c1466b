/**
 * Console output of libraries and runtimes as lines of the log.
 * @module
 */
import process from "node:process";
import { inspect } from "node:util";
import type { Log } from "../../runtime/platform.ts";

/**
 * Turns console output, warnings and uncaught errors into lines of the log: standard output then has readiness lines
 * only, and standard error has JSON only. Replaces the global console, so only the command line calls it.
 */
export function logStrayOutput(log: Log): void {
  const at =
    (level: keyof Log) =>
    (...args: unknown[]) => {
      const error = args.find((arg) => arg instanceof Error);
      const text = args.map((arg) => (typeof arg === "string" ? arg : inspect(arg))).join(" ");
      log[level](error?.message ?? text, { source: "console", ...(error === undefined ? {} : { error }) });
    };
  Object.assign(console, {
    error: at("warn"),
    warn: at("warn"),
    info: at("debug"),
    log: at("debug"),
    debug: at("debug"),
  });
  process.removeAllListeners("warning");
  process.on("warning", (warning) => log.debug(warning.message, { source: warning.name }));
  process.on("unhandledRejection", (error) =>
    log.error("a promise was rejected without a handler", { error }),
  );
  process.on("uncaughtException", (error) => {
    log.error("the process failed", { error });
    process.exit(1);
  });
}
