import type { Metrics } from "../platform.ts";
import type { LogOnce } from "./log.ts";

/** The same log, which also counts every message in `millrace_faults_total{level}`, repetitions included. */
export function countFaults(log: LogOnce, metrics: Metrics): LogOnce {
  return {
    warn(...line) {
      metrics.count("millrace_faults_total", WARN);
      log.warn(...line);
    },
    error(...line) {
      metrics.count("millrace_faults_total", ERROR);
      log.error(...line);
    },
    flush: log.flush,
  };
}

const WARN = { level: "warn" };
const ERROR = { level: "error" };
