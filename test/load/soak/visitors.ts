/**
 * A steady mix of what visitors and partners do, each answer written into the ledger.
 * @module
 */
import { Agent, request } from "node:http";
import { tcfString } from "../../support/consent-strings.ts";
import { type Ledger, pixelUid, uploadUid } from "./ledger.ts";

export const UPLOAD_KEY = "key-of-the-uploader";
export const PIXEL_RETURN = "https://pixel.example/done";
const TIMEOUT_MS = 30_000;
const UPLOADED_AT_ONCE = 20;
/** A country where nobody is asked for consent, and one where everybody is. */
const [FREE, ASKING] = ["JP", "DE"];
const CONSENT = `euconsent-v2=${tcfString()}`;
const REFUSAL = `euconsent-v2=${tcfString({ purposes: [] })}`;

/** One round of what is done; what is rare comes first, so that a slow machine, too, gets to all of it. */
const ROUND_LENGTH = 200;
const RARE = [
  ...["consent", "upload", "pixel", "withdraw", "identify", "arrive"],
  ...["arrive", "arrive", "arrive", "pixel", "pixel", "pixel", "pixel"],
  ...["identify", "identify", "identify", "identify", "identify", "identify"],
] as const;

/** Where the server is now, and whether it was ended on purpose. */
export interface Place {
  url: string;
  isUp: boolean;
}

interface Answer {
  status: number;
  setCookie: string;
  location: string;
  body: string;
}

/** No answer: the server is gone, or never got it. */
class Unanswered extends Error {}

/** Visitors and partners until they are told to stop. */
export class Crowd {
  /** Ids of visitors who are not under way; each does one thing at a time. */
  readonly #idle: string[] = [];
  readonly #agent = new Agent({ keepAlive: true });
  readonly #ledger: Ledger;
  readonly #place: Place;
  #visitors = 0;
  #steps = 0;
  #uploadSeconds = 1_700_000_000;
  #stopped = false;
  requests = 0;
  /** Answers that should not have been. */
  readonly faults: string[] = [];

  constructor(ledger: Ledger, place: Place) {
    this.#ledger = ledger;
    this.#place = place;
  }

  stop(): void {
    this.#stopped = true;
  }

  close(): void {
    this.#agent.destroy();
  }

  /** One of several hands that do one thing after the other. */
  async work(): Promise<void> {
    while (!this.#stopped) {
      if (!this.#place.isUp) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        continue;
      }
      try {
        await this.#next();
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        this.#ledger.counts.unanswered++;
      }
    }
  }

  #next(): Promise<void> {
    if (this.#idle.length < 2 * UPLOADED_AT_ONCE) return this.#arrive();
    switch (RARE[this.#steps++ % ROUND_LENGTH]) {
      case "consent":
        return this.#consent();
      case "upload":
        return this.#upload();
      case "pixel":
        return this.#pixel();
      case "withdraw":
        return this.#withdraw();
      case "identify":
        return this.#identify();
      case "arrive":
        return this.#arrive();
      default:
        return this.#comeBack();
    }
  }

  #take(): string {
    const at = Math.floor(Math.random() * this.#idle.length);
    const id = this.#idle[at]!;
    this.#idle[at] = this.#idle.at(-1)!;
    this.#idle.pop();
    return id;
  }

  #newAddress(): string {
    const n = this.#visitors++;
    return `198.${18 + ((n >> 16) & 1)}.${(n >> 8) & 255}.${n & 255}`;
  }

  /** A first visit that has to bring an id. @returns the id, `null` if it brought none. */
  async #mint(address: string, wasAsked: boolean): Promise<string | null> {
    const headers: Record<string, string> = wasAsked ? { cookie: CONSENT, "x-country": ASKING } : {};
    const answer = await this.#ask("/", { address, headers }).catch((error) => {
      this.#ledger.counts.unansweredMints++;
      throw error;
    });
    const id = /^ts-ec=([^;]+)/.exec(answer.setCookie)?.[1] ?? null;
    if (id === null) this.#fault("a new visitor", answer);
    else this.#ledger.minted(id, address, wasAsked);
    return id;
  }

  async #arrive(): Promise<void> {
    const id = await this.#mint(this.#newAddress(), false);
    if (id !== null) this.#idle.push(id);
  }

  /** From a country that asks: at first without an answer, which must bring no id, then with consent. */
  async #consent(): Promise<void> {
    const address = this.#newAddress();
    const before = await this.#ask("/", { address, headers: { "x-country": ASKING } });
    if (before.setCookie !== "") return this.#fault("a visitor who has not answered", before);
    const id = await this.#mint(address, true);
    if (id !== null) this.#idle.push(id);
  }

  /** A visitor for somebody else to come back as; does nothing else. @returns what such a visit sends. */
  async reserve(): Promise<Record<string, string>> {
    const address = this.#newAddress();
    const id = await this.#mint(address, false);
    if (id === null) throw new Error(`no id for a first visitor: ${this.faults.at(-1)}`);
    return { "x-ip": address, "x-country": FREE, cookie: `ts-ec=${id}` };
  }

  async #comeBack(): Promise<void> {
    const id = this.#take();
    try {
      const answer = await this.#askAs(id, "/");
      if (answer.status !== 200 || answer.setCookie !== "") this.#fault("a return", answer);
    } finally {
      this.#idle.push(id);
    }
  }

  async #identify(): Promise<void> {
    const id = this.#take();
    try {
      const answer = await this.#askAs(id, "/identify");
      if (answer.status !== 200 || JSON.parse(answer.body).ec !== id) this.#fault("identify", answer);
    } finally {
      this.#idle.push(id);
    }
  }

  async #pixel(): Promise<void> {
    const id = this.#take();
    try {
      const query = new URLSearchParams({ partner: "pixel", uid: pixelUid(id), return: PIXEL_RETURN });
      const answer = await this.#askAs(id, `/sync?${query}`);
      if (answer.status === 302 && /ts_synced=1/.test(answer.location)) this.#ledger.pixel(id);
      else this.#fault("a pixel", answer);
    } finally {
      this.#idle.push(id);
    }
  }

  async #upload(): Promise<void> {
    const ids = Array.from({ length: UPLOADED_AT_ONCE }, () => this.#take());
    const timestamp = this.#uploadSeconds++;
    for (const id of ids) this.#ledger.sending(id, timestamp);
    try {
      const mappings = ids.map((ec_id) => ({ ec_id, partner_uid: uploadUid(timestamp), timestamp }));
      const answer = await this.#ask("/_ts/api/v1/sync", {
        address: "203.0.113.250",
        method: "POST",
        headers: { authorization: `Bearer ${UPLOAD_KEY}`, "content-type": "application/json" },
        body: JSON.stringify({ mappings }),
      });
      if (answer.status !== 200) return this.#fault("an upload", answer);
      for (const id of ids) this.#ledger.uploaded(id, timestamp);
    } finally {
      this.#idle.push(...ids);
    }
  }

  /**
   * Who consented takes it back; who was never asked comes from a country that asks. The visitor does not come back.
   */
  async #withdraw(): Promise<void> {
    const id = this.#take();
    const visitor = this.#ledger.visitors.get(id)!;
    visitor.mayBeWithdrawn = true;
    const cookie = visitor.wasAsked ? `ts-ec=${id}; ${REFUSAL}` : `ts-ec=${id}`;
    const answer = await this.#ask("/", {
      address: visitor.address,
      headers: { cookie, "x-country": ASKING },
    });
    if (/^ts-ec=;.*Max-Age=0/.test(answer.setCookie)) this.#ledger.withdrawn(id);
    else this.#fault("a withdrawal", answer);
  }

  #askAs(id: string, path: string): Promise<Answer> {
    const { address, wasAsked } = this.#ledger.visitors.get(id)!;
    const headers: Record<string, string> = wasAsked
      ? { cookie: `ts-ec=${id}; ${CONSENT}`, "x-country": ASKING }
      : { cookie: `ts-ec=${id}` };
    return this.#ask(path, { address, headers });
  }

  #fault(what: string, { status, body }: Answer): void {
    this.faults.push(`${what}: ${status} ${body.slice(0, 200)}`);
  }

  /** @throws {Unanswered} if no whole answer came. */
  #ask(
    path: string,
    given: { address: string; method?: string; headers?: Record<string, string>; body?: string },
  ): Promise<Answer> {
    const { address, method = "GET", headers = {}, body } = given;
    this.requests++;
    return new Promise((resolve, reject) => {
      const gone = (error: Error) => reject(new Unanswered(error.message));
      const outgoing = request(`${this.#place.url}${path}`, {
        ...{ method, agent: this.#agent, timeout: TIMEOUT_MS },
        headers: { "x-ip": address, "x-country": FREE, ...headers },
      });
      outgoing.on("error", gone);
      outgoing.on("timeout", () => outgoing.destroy(new Error("no answer in time")));
      outgoing.on("response", (incoming) => {
        const { statusCode = 0, headers: fields } = incoming;
        let text = "";
        incoming.setEncoding("utf8").on("data", (chunk) => {
          text += chunk;
        });
        incoming.on("error", gone);
        incoming.on("close", () => {
          if (!incoming.complete) gone(new Error("half an answer"));
        });
        incoming.on("end", () =>
          resolve({
            status: statusCode,
            setCookie: fields["set-cookie"]?.find((line) => line.startsWith("ts-ec=")) ?? "",
            location: fields.location ?? "",
            body: text,
          }),
        );
      });
      outgoing.end(body);
    });
  }
}
