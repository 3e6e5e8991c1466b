/**
 * One request on its way through the service: it is read, gets an id if it needs one, is answered by a handler, and is finalized.
 * Work that may wait follows the response.
 * @module
 */
import {
  changedResponse,
  decideFinalization,
  type Finalization,
  type HeaderChange,
  headerChange,
} from "../../runtime/ec/finalize.ts";
import { mayPull, mayTouch } from "../../runtime/ec/follow-up.ts";
import type { VisitWriter } from "../../runtime/ec/graph/visit-writer.ts";
import type { Minter } from "../../runtime/ec/minting.ts";
import type { PageIds } from "../../runtime/ec/partners/page-ids.ts";
import type { PullDriver } from "../../runtime/ec/partners/pull-driver.ts";
import type { Registry } from "../../runtime/ec/partners/registry.ts";
import type { Consent } from "../../runtime/ec/request/consent.ts";
import { type EcContext, readContext, withConsent, withMintedId } from "../../runtime/ec/request/context.ts";
import type { SeenLately } from "../../runtime/ec/seen-lately.ts";
import { STORE_TIMEOUTS_MS } from "../../runtime/ec/timeouts.ts";
import { isPending } from "../../runtime/lib/within.ts";
import { type RequestIds, requestIdsOf } from "../../runtime/observe/trace-context.ts";
import type { Background, Client, Clock } from "../../runtime/platform.ts";
import type { BackgroundWork } from "./background-work.ts";
import type { RouteKind } from "./route-kind.ts";
import type { Settings } from "./settings.ts";
import type { VisitCounters } from "./visit-counters.ts";

/** The part of a request that the service reads: a `Request` has it, and so has what a host parsed by itself. */
export interface RequestHead {
  readonly method: string;
  readonly headers: { get(name: string): string | null };
}

/** What a visit needs of its service. */
export interface VisitDependencies {
  readonly settings: Settings;
  readonly clock: Pick<Clock, "now">;
  readonly registry: Pick<Registry, "isDue" | "refresh">;
  readonly minter: Pick<Minter, "mint">;
  readonly writer: Pick<VisitWriter, "create" | "touch" | "withdraw">;
  readonly seenLately: Pick<SeenLately, "isUnseen">;
  readonly pageIds: Pick<PageIds, "isNew" | "take">;
  readonly pulls: Pick<PullDriver, "mayBegin" | "pull">;
  readonly work: BackgroundWork;
  readonly counters: VisitCounters;
}

/** One request on its way through the service. It ends once: by {@link end}, {@link fail} or {@link abandon}. */
export class Visit {
  readonly route: RouteKind;
  readonly #dependencies: VisitDependencies;
  readonly #background: Background;
  readonly #headers: RequestHead["headers"];
  /** Pending while it is not known yet whether an id may be minted. */
  readonly #minting: Promise<void> | null;
  readonly #beganMs: number;
  #context: EcContext;
  #isErased = false;
  #isOver = false;
  #finalization: Finalization | null = null;

  /** Reads the request, and mints an id for an organic one that needs it. */
  constructor(
    dependencies: VisitDependencies,
    request: RequestHead,
    route: RouteKind,
    client: Client,
    background: Background,
  ) {
    const { clock, counters, registry, settings, work } = dependencies;
    this.#beganMs = counters.begin();
    this.#dependencies = dependencies;
    this.route = route;
    this.#background = background;
    this.#headers = request.headers;
    this.#context = readContext(request.headers, client, clock.now(), settings);
    if (registry.isDue()) work.run(background, "reading the partners", registry.refresh());
    this.#minting = route === "organic" ? this.#mint(request) : null;
  }

  /** What is known of the request. A minted id or stated consent makes a new value. */
  get context(): EcContext {
    return this.#context;
  }

  /** How the request ends. It is decided once, when it is first asked for: after that no route may change it. */
  get finalization(): Finalization {
    this.#finalization ??= decideFinalization(this.#context, this.#isErased);
    return this.#finalization;
  }

  /** Replaces the decision on consent, for a request without signals of its own that states consent in another way. */
  stateConsent(consent: Consent): void {
    this.#mustBeUndecided();
    this.#context = withConsent(this.#context, consent);
  }

  /** Records that this request had the visitor's identity deleted. */
  erase(): void {
    this.#mustBeUndecided();
    this.#isErased = true;
  }

  /** Lets work go on after the response, or after the client is gone. The caller handles its failure. */
  keep(work: Promise<unknown>): void {
    this.#dependencies.work.keep(this.#background, work);
  }

  /**
   * The result of work that goes on after the response, or after the client is gone, if it settles within `timeoutMs` milliseconds.
   * @throws {TimeoutError} if it does not settle in time.
   * @throws what the work throws.
   */
  resultOf<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
    return this.#dependencies.work.resultOf(this.#background, work, timeoutMs);
  }

  /**
   * Has a handler answer, and finalizes its response. Synchronous if nothing has to be waited for.
   * @throws what the handler throws.
   */
  respond(handler: () => Response | Promise<Response>): Response | Promise<Response> {
    let answer: Response | Promise<Response>;
    try {
      answer = this.#minting === null ? handler() : this.#minting.then(handler);
    } catch (error) {
      this.fail();
      throw error;
    }
    if (!isPending(answer)) return this.#finish(answer);
    return answer.then(
      (response) => this.#finish(response),
      (error) => {
        this.fail();
        throw error;
      },
    );
  }

  /**
   * Ends the visit with the status of its answer.
   * @returns what changes in the answer's header fields; `null`: nothing. Synchronous if the store need not be waited for.
   */
  end(status: number): HeaderChange | null | Promise<HeaderChange | null> {
    this.#mustGoOn();
    return this.#minting === null ? this.#end(status) : this.#minting.then(() => this.#end(status));
  }

  /**
   * An ended visit's answer could not be sent, and an error of the server takes its place.
   * @returns what changes in the error's header fields; `null`: nothing.
   */
  replaced(): HeaderChange | null {
    this.#dependencies.counters.failed(this.route);
    return headerChange(this.finalization, this.#dependencies.settings.cookie);
  }

  /** Ends a visit that could not be answered: counts an error of the server. */
  fail(): void {
    this.#mustGoOn();
    const { counters } = this.#dependencies;
    counters.failed(this.route);
    counters.took(this.route, 500, this.#beganMs);
  }

  /** Ends a visit whose client left before there was an answer. Nothing is counted or written. */
  abandon(): void {
    this.#mustGoOn();
  }

  #mint(request: RequestHead): Promise<void> | null {
    const minted = this.#dependencies.minter.mint(this.#context, request);
    if (isPending(minted)) return minted.then((id) => this.#take(id));
    this.#take(minted);
    return null;
  }

  #take(id: string | null): void {
    if (id !== null) this.#context = withMintedId(this.#context, id);
  }

  #finish(response: Response): Response | Promise<Response> {
    const change = this.end(response.status);
    return isPending(change)
      ? change.then((known) => changedResponse(response, known))
      : changedResponse(response, change);
  }

  #end(status: number): HeaderChange | null | Promise<HeaderChange | null> {
    const { counters } = this.#dependencies;
    if (status >= 500) counters.failed(this.route);
    counters.took(this.route, status, this.#beganMs);
    counters.answered(this.route, this.finalization.branch, this.#context.consent);
    const recorded = this.#record(this.finalization);
    return recorded === null ? this.#leave() : recorded.then(() => this.#leave());
  }

  /** Writes what has to be in the graph before the response; `null`: nothing. */
  #record(finalization: Finalization): Promise<unknown> | null {
    const { seenLately, writer } = this.#dependencies;
    if (finalization.branch === "new") {
      seenLately.isUnseen(finalization.id, this.#context.client.ip);
      return this.#write("creating a graph entry", writer.create(finalization.id, this.#context));
    }
    if (finalization.branch !== "withdrawal" || finalization.tombstones.length === 0) return null;
    return Promise.all(
      finalization.tombstones.map((id) =>
        this.#write("writing a tombstone", writer.withdraw(id, this.#context)),
      ),
    );
  }

  /** Waits for a write, but not long: the page goes out in any case. */
  #write(what: string, writing: Promise<unknown>): Promise<void> {
    const { work } = this.#dependencies;
    return work.runAndWait(this.#background, what, writing, STORE_TIMEOUTS_MS.page);
  }

  /** Starts the work that follows the response. */
  #leave(): HeaderChange | null {
    const { pageIds, pulls, seenLately, settings, work } = this.#dependencies;
    const finalization = this.finalization;
    const { activeId, client } = this.#context;
    const touches = mayTouch(finalization) && seenLately.isUnseen(activeId!, client.ip);
    const mayAsk = mayPull(finalization, this.route === "organic");
    const takes = mayAsk && pageIds.isNew(this.#context);
    const asks = mayAsk && pulls.mayBegin(this.#context);
    if (touches || takes || asks) {
      // Read now: on some hosts the headers are gone after the response.
      const ids = asks ? requestIdsOf(this.#headers) : null;
      work.run(this.#background, "work after a response", this.#followUp(touches, takes, ids));
    }
    return headerChange(finalization, settings.cookie);
  }

  /**
   * First what the page brought: a partner whose id it has need not be asked.
   * @param ids for pulls; `null`: no partner is asked.
   */
  async #followUp(touches: boolean, takes: boolean, ids: RequestIds | null): Promise<void> {
    const { pageIds, pulls, writer } = this.#dependencies;
    if (touches) await writer.touch(this.#context.activeId!, this.#context);
    if (takes) await pageIds.take(this.#context);
    if (ids !== null) await pulls.pull(this.#context, ids);
  }

  #mustGoOn(): void {
    if (this.#isOver) throw new Error("Cannot end a visit twice");
    this.#isOver = true;
  }

  #mustBeUndecided(): void {
    if (this.#finalization !== null) throw new Error("Cannot change a finalized visit");
  }
}
