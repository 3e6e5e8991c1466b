import { SyncEngine } from "../../../../runtime/sync/engine.ts";
import { RateLimited } from "../../../../runtime/sync/rate-limited.ts";
import { steadyClock } from "../../../../runtime/sync/steady-clock.ts";
import type { Code } from "./stage.ts";

/** The engine as it is. */
export const code: Code = { SyncEngine: SyncEngine<string>, RateLimited, steadyClock };
