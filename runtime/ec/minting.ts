/**
 * Minting: whether a page visit gets a new id, and the limit for each address.
 * @module
 */
import { isPending, valueWithin } from "../lib/within.ts";
import type { LogOnce } from "../observe/log.ts";
import type { Clock, Log, Metrics, RateLimit, RateLimiter } from "../platform.ts";
import { ecHash, type Identity, shortId } from "./id.ts";
import { mintKey } from "./keys.ts";
import { type EcContext, mintNeed } from "./request/context.ts";
import { isPageVisit, type VisitRequest } from "./request/page-visit.ts";
import { STORE_TIMEOUTS_MS } from "./timeouts.ts";

const HOUR_MS = 3_600_000;

/** What {@link Minter} needs. */
export interface MinterDependencies {
  readonly identity: Pick<Identity, "mint">;
  readonly limiter: RateLimiter;
  readonly clock: Clock;
  readonly log: Log;
  readonly logOnce: LogOnce;
  readonly metrics: Pick<Metrics, "count">;
  /** Maximum number of ids for one address in an hour. */
  mintPerAddressPerHour(): number;
}

/** Mints ids. Failure never fails a page: it then has no id. */
export class Minter {
  readonly #dependencies: MinterDependencies;
  #limit: RateLimit = mintLimit(0);

  constructor(dependencies: MinterDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Mints an id for an organic request if it needs one. Returns at once unless the limiter is remote; then it waits for the limiter,
   * but not long.
   * @returns the id; `null`: the request gets none.
   */
  mint(context: EcContext, request: VisitRequest): string | null | Promise<string | null> {
    const { identity, limiter, metrics, logOnce } = this.#dependencies;
    try {
      const need = mintNeed(context);
      if (need === "not_allowed" || need === "not_needed" || !isPageVisit(request)) return null;
      if (need === "no_address") {
        metrics.count("millrace_ec_no_address_total");
        logOnce.warn("no address", "no EC id: the client's address is not known; is client.ipHeader right?");
        return null;
      }
      const id = identity.mint(context.client.ip!);
      const taken = limiter.take(mintKey(ecHash(id)), this.#rateLimit());
      return isPending(taken) ? this.#whenTaken(id, taken) : this.#minted(id, taken.admitted);
    } catch (error) {
      logOnce.error("minting", "minting failed", { error });
      return null;
    }
  }

  /** Without an answer of the limiter in time, ids are minted without a limit. */
  async #whenTaken(id: string, taken: Promise<{ admitted: boolean }>): Promise<string | null> {
    const { clock, logOnce } = this.#dependencies;
    try {
      const { admitted } = await valueWithin(taken, STORE_TIMEOUTS_MS.page, clock);
      return this.#minted(id, admitted);
    } catch (error) {
      const message = "ids are minted without a limit: the limiter does not answer";
      logOnce.error("mint limiter", message, { error });
      return this.#minted(id, true);
    }
  }

  #minted(id: string, isAdmitted: boolean): string | null {
    const { log, logOnce, metrics, mintPerAddressPerHour } = this.#dependencies;
    if (!isAdmitted) {
      metrics.count("millrace_ec_mint_refused_total");
      const message = "no EC id: the client's address has had as many as it may have in an hour";
      logOnce.warn("mint limit", message, { mintPerAddressPerHour: mintPerAddressPerHour() });
      return null;
    }
    metrics.count("millrace_ec_minted_total");
    log.debug("minted an EC id", { ec: shortId(id) });
    return id;
  }

  /** The same object until the configuration changes. */
  #rateLimit(): RateLimit {
    const limit = this.#dependencies.mintPerAddressPerHour();
    if (this.#limit.limit !== limit) this.#limit = mintLimit(limit);
    return this.#limit;
  }
}

function mintLimit(limit: number): RateLimit {
  return { limit, windowMs: HOUR_MS, family: "addresses" };
}
