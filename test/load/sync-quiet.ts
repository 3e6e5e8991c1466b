import type { Log } from "../../runtime/platform.ts";

/** A log that says nothing, as in production below its level. */
export const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} };
