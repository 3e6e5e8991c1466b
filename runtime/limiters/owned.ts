/**
 * A limiter of which one process is the owner, for the other processes that ask it: each side of that conversation.
 * @module
 */
import type { RateLimit, RateLimiter, RateMember, TableView, TakeResult } from "../platform.ts";

/** A question to the owner, as plain data. */
export type LimiterCall =
  | { readonly op: "take"; readonly key: string; readonly rate: RateLimit }
  | {
      readonly op: "takeEach";
      readonly group: string;
      readonly members: readonly RateMember[];
      readonly windowMs: number;
    };

/** Answers a question with the owner's limiter. @throws what the limiter throws. */
export function answerCall(
  limiter: RateLimiter,
  call: LimiterCall,
): TakeResult | TakeResult[] | Promise<TakeResult | TakeResult[]> {
  if (call.op === "take") return limiter.take(call.key, call.rate);
  const { group, members, windowMs } = call;
  if (limiter.takeEach !== undefined) return limiter.takeEach(group, members, windowMs);
  return Promise.all(
    members.map(({ key, limit }) => limiter.take(key, { limit, windowMs, family: "visitors" })),
  );
}

/** The limiter of a process that asks the owner. The owner also tells which tables it has, and which are full. */
export class OwnedLimiter implements RateLimiter {
  readonly shared = true;
  readonly #ask: (call: LimiterCall) => Promise<unknown>;
  #tables: readonly TableView[] = [];
  #onFull: (table: string) => void = () => {};

  /** @param ask sends a question to the owner. Rejects if the owner does not answer. */
  constructor(ask: (call: LimiterCall) => Promise<unknown>) {
    this.#ask = ask;
  }

  take(key: string, rate: RateLimit): Promise<TakeResult> {
    return this.#ask({ op: "take", key, rate }) as Promise<TakeResult>;
  }

  takeEach(group: string, members: readonly RateMember[], windowMs: number): Promise<TakeResult[]> {
    return this.#ask({ op: "takeEach", group, members, windowMs }) as Promise<TakeResult[]>;
  }

  /** The owner's tables as this process was last told. */
  tables(): TableView[] {
    return [...this.#tables];
  }

  watch(onFull: (table: string) => void): void {
    this.#onFull = onFull;
  }

  /** The owner tells its tables. */
  tell(tables: readonly TableView[]): void {
    this.#tables = tables;
  }

  /** The owner tells that a take found no room. */
  tellFull(table: string): void {
    this.#onFull(table);
  }
}
