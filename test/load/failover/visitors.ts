/**
 * Visitors and partners of several instances, and a ledger of what the instances acknowledged.
 * @module
 */

import { mustBeDescribed } from "../../support/openapi.ts";
import { type Answer, type Visit, visit } from "../../support/visit.ts";
import { uploadUid } from "../soak/ledger.ts";

export const UPLOAD_KEY = "key-of-the-uploader";
export const OPERATOR_TOKEN = "token-of-the-operator";
const RETURN = "https://partner.example/back";
/** Visitors come from this many addresses, so that each is counted often. */
const ADDRESSES = 24;
/** Of this many requests for a deleted id one goes on using it: late requests must not restore it. */
const AFTERLIFE = 3;
/** Pause after each request of a hand, in milliseconds. */
const PAUSE_MS = 15;

/** What one visitor's id must have. */
export interface Acknowledged {
  ip: string;
  pixel?: string;
  /** The newest acknowledged upload, in seconds since the epoch. */
  uploaded?: number;
  deleted?: boolean;
  /** A deletion was not acknowledged: it may have been made. */
  mayBeDeleted?: boolean;
  /** The store was down when the id was made: the page was answered, but the id may not be stored. */
  mayBeUnknown?: boolean;
}

/** Answers of one kind. */
export interface Tally {
  done: number;
  /** Answers that say that the store or the limiter is down. */
  refused: number;
  longestMs: number;
}

export const KINDS = ["page", "identify", "pixel", "upload", "deletion", "metered"] as const;
export type Kind = (typeof KINDS)[number];

export interface CrowdOptions {
  urls: readonly string[];
  /** The keys of partners whose requests are limited. */
  metered: readonly string[];
}

/** Visitors and partners until they are told to stop. */
export class Crowd {
  readonly ledger = new Map<string, Acknowledged>();
  readonly tallies = Object.fromEntries(
    KINDS.map((kind) => [kind, { done: 0, refused: 0, longestMs: 0 }]),
  ) as Record<Kind, Tally>;
  /** Answers that should not have been. */
  readonly faults: string[] = [];
  /** Answers that the store is down, while no master had failed: a fault, unless the machine was too busy to answer in time. */
  readonly unexplained: string[] = [];
  /** When each admitted request of a limited partner began and ended, by its key. */
  readonly admitted = new Map<string, { fromMs: number; toMs: number }[]>();
  /** Whether the store may refuse now. */
  isDisturbed = false;
  readonly #options: CrowdOptions;
  /** Ids that no hand uses now. */
  readonly #idle: string[] = [];
  /** Ids that no hand uses any more. */
  readonly #kept = new Set<string>();
  #turn = 0;
  /** Number of requests that the hands have made. */
  steps = 0;
  #uploadSeconds = 1_700_000_000;
  #isStopped = false;

  constructor(options: CrowdOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Takes an id out of what the hands use. */
  keep(id: string): void {
    const at = this.#idle.indexOf(id);
    this.#kept.add(id);
    if (at >= 0) this.#idle.splice(at, 1);
  }

  /** One of several hands that do one thing after the other. */
  async work(): Promise<void> {
    while (!this.#isStopped) {
      await this.#step(this.#turn++);
      this.steps++;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Does the next thing at the next instance. */
  async #step(turn: number): Promise<void> {
    const { urls, metered } = this.#options;
    const url = urls[turn % urls.length]!;
    const what = Math.floor(turn / urls.length) % 8;
    if (what === 0) {
      await this.meter(url, metered[Math.floor(turn / (8 * urls.length)) % metered.length]!);
      return;
    }
    if (what <= 2 || this.#idle.length < 2) return this.#arrive(url);
    const at = Math.floor(Math.random() * this.#idle.length);
    const [id] = this.#idle.splice(at, 1) as [string];
    const { ip } = this.ledger.get(id)!;
    if (what === 3) await this.#deletion(url, id);
    else if (what === 4) await this.#identify(url, id, ip);
    else if (what === 5) await this.#comeBack(url, id, ip);
    else if (what === 6) await this.pixel(url, id);
    else await this.#upload(url, id);
    if (this.#kept.has(id) || (this.ledger.get(id)!.deleted && turn % AFTERLIFE !== 0)) return;
    this.#idle.push(id);
  }

  async #arrive(url: string): Promise<void> {
    const ip = `198.51.100.${this.#turn % ADDRESSES}`;
    const { answer, mayFail } = await this.#ask("page", url, { headers: visitor(ip) });
    const id = /^ts-ec=([^;]+)/.exec(answer.setCookies.join())?.[1];
    if (answer.status !== 200 || id === undefined) return this.#fault("a new visitor", answer);
    this.#count("page", true);
    this.ledger.set(id, { ip, mayBeUnknown: mayFail });
    this.#idle.push(id);
  }

  async #comeBack(url: string, id: string, ip: string): Promise<void> {
    const { answer } = await this.#ask("page", url, { headers: visitor(ip, id) });
    if (answer.status !== 200) return this.#fault("a return", answer);
    this.#count("page", true);
  }

  async #identify(url: string, id: string, ip: string): Promise<void> {
    const { answer, mayFail } = await this.#ask("identify", url, {
      path: "/identify",
      headers: visitor(ip, id),
    });
    const { ec, degraded } = answer.status === 200 ? JSON.parse(answer.body) : {};
    const isDeleted = this.ledger.get(id)!.deleted || this.ledger.get(id)!.mayBeDeleted;
    if (degraded === true) this.#refused("identify", answer, mayFail);
    else if (ec !== id && !isDeleted) this.#fault("identify", answer);
    else this.#count("identify", true);
  }

  /** @returns whether it was acknowledged. */
  async pixel(url: string, id: string): Promise<boolean> {
    const known = this.ledger.get(id)!;
    const uid = `pixel-${id.slice(-6)}`;
    const path = `/sync?${new URLSearchParams({ partner: "pixel", uid, return: RETURN })}`;
    const { answer, mayFail } = await this.#ask("pixel", url, { path, headers: visitor(known.ip, id) });
    const { location } = answer.headers;
    if (location === `${RETURN}?ts_synced=1`) {
      known.pixel = uid;
      this.#count("pixel", true);
      return true;
    }
    const reason = new URL(location ?? RETURN).searchParams.get("ts_reason");
    if (known.deleted || known.mayBeDeleted) return false; // refused, if it was deleted
    if (reason === "write_failed") this.#refused("pixel", answer, mayFail || known.mayBeUnknown === true);
    else this.#fault("a pixel", answer);
    return false;
  }

  async #upload(url: string, id: string): Promise<void> {
    const known = this.ledger.get(id)!;
    const timestamp = this.#uploadSeconds++;
    const mappings = [{ ec_id: id, partner_uid: uploadUid(timestamp), timestamp }];
    const { answer, mayFail } = await this.#ask("upload", url, {
      method: "POST",
      path: "/_ts/api/v1/sync",
      headers: [
        ["authorization", `Bearer ${UPLOAD_KEY}`],
        ["content-type", "application/json"],
      ],
      body: JSON.stringify({ mappings }),
    });
    const reason = answer.status === 503 ? "kv_unavailable" : JSON.parse(answer.body).errors?.[0]?.reason;
    if (answer.status === 200) {
      known.uploaded = timestamp;
      this.#count("upload", true);
    } else if (reason === "kv_unavailable") {
      this.#refused("upload", answer, mayFail);
    } else if (!/^(ec_id_not_found|consent_withdrawn)$/.test(reason)) {
      this.#fault("an upload", answer);
    }
    // A page goes on without its entry if the store is slow or down: then the id is not known.
  }

  async #deletion(url: string, id: string): Promise<void> {
    const known = this.ledger.get(id)!;
    known.mayBeDeleted = true;
    const { answer, mayFail } = await this.#ask("deletion", url, {
      method: "DELETE",
      path: `/_ts/api/v1/identity?ec_id=${id}`,
      headers: [["authorization", `Bearer ${OPERATOR_TOKEN}`]],
    });
    if (answer.status === 204) {
      known.deleted = true;
      this.#count("deletion", true);
    } else if (answer.status === 503) this.#refused("deletion", answer, mayFail);
    else this.#fault("a deletion", answer);
  }

  /**
   * A request of a partner whose requests are limited; that it finds no mapping does not matter.
   * @returns whether the limiter answered
   */
  async meter(url: string, key: string): Promise<boolean> {
    const id = this.ledger.keys().next().value ?? `${"0".repeat(64)}.aaaaaa`;
    const { answer, mayFail, fromMs, toMs } = await this.#ask("metered", url, {
      path: `/_ts/api/v1/sync/${id}`,
      headers: [["authorization", `Bearer ${key}`]],
    });
    const isDone = [200, 404, 429].includes(answer.status);
    if (isDone) this.#count("metered", true);
    else if (answer.status === 503) this.#refused("metered", answer, mayFail);
    else this.#fault("a limited request", answer);
    if (isDone && answer.status !== 429) {
      const times = this.admitted.get(key) ?? [];
      this.admitted.set(key, times);
      times.push({ fromMs, toMs });
    }
    return isDone;
  }

  #count(kind: Kind, isDone: boolean): void {
    this.tallies[kind][isDone ? "done" : "refused"]++;
  }

  #refused(kind: Kind, answer: Answer, mayFail: boolean): void {
    this.#count(kind, false);
    if (!mayFail) this.unexplained.push(textOf(kind, answer));
  }

  #fault(what: string, answer: Answer): void {
    this.faults.push(textOf(what, answer));
  }

  async #ask(kind: Kind, url: string, request: Visit) {
    const isBefore = this.isDisturbed;
    const fromMs = performance.now();
    const answer = await visit(url, request);
    const toMs = performance.now();
    mustBeDescribed(request, answer);
    const tally = this.tallies[kind];
    tally.longestMs = Math.max(tally.longestMs, toMs - fromMs);
    return { answer, fromMs, toMs, mayFail: isBefore || this.isDisturbed };
  }
}

function textOf(what: string, { status, headers, body }: Answer): string {
  return `${what}: ${status} ${headers.location ?? ""} ${body.slice(0, 200)}`;
}

function visitor(ip: string, id?: string): [string, string][] {
  const headers: [string, string][] = [
    ["x-ip", ip],
    ["x-country", "JP"],
  ];
  if (id !== undefined) headers.push(["cookie", `ts-ec=${id}`]);
  return headers;
}
