import { monotonicClock, RateLimited, SourceUnusable, SyncEngine } from "../../../../runtime/sync/index.ts";
import type { EngineModule } from "./harness.ts";

/** The engine as it is. */
export const engineModule: EngineModule = {
  SyncEngine: SyncEngine<string, string, FetchReceipt>,
  RateLimited,
  SourceUnusable,
  monotonicClock,
};

/** What the harness returns as the receipt of a fetch. */
type FetchReceipt = import("./harness.ts").Start;
