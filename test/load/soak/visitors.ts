/**
 * A steady mix of what visitors and partners do, each answer written into the ledger.
 * @module
 */
import { Agent, request } from "node:http";
import { type Ledger, pixelUid, uploadUid } from "./ledger.ts";

export const UPLOAD_KEY = "key-of-the-uploader";
export const PIXEL_RETURN = "https://pixel.example/done";
const TIMEOUT_MS = 30_000;
const UPLOADED_AT_ONCE = 20;

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
        await this.#choose()();
      } catch (error) {
        if (!(error instanceof Unanswered)) throw error;
        this.#ledger.counts.unanswered++;
      }
    }
  }

  #choose(): () => Promise<void> {
    const dice = Math.random();
    if (dice < 0.03 || this.#idle.length < 2 * UPLOADED_AT_ONCE) return () => this.#arrive();
    if (dice < 0.035) return () => this.#upload();
    if (dice < 0.06) return () => this.#pixel();
    if (dice < 0.065) return () => this.#withdraw();
    if (dice < 0.1) return () => this.#identify();
    return () => this.#comeBack();
  }

  #take(): string {
    const at = Math.floor(Math.random() * this.#idle.length);
    const id = this.#idle[at]!;
    this.#idle[at] = this.#idle.at(-1)!;
    this.#idle.pop();
    return id;
  }

  async #arrive(): Promise<void> {
    const n = this.#visitors++;
    const address = `198.${18 + ((n >> 16) & 1)}.${(n >> 8) & 255}.${n & 255}`;
    const answer = await this.#ask("/", { address }).catch((error) => {
      this.#ledger.counts.unansweredMints++;
      throw error;
    });
    const id = /^ts-ec=([^;]+)/.exec(answer.setCookie)?.[1];
    if (id === undefined) return this.#fault("a new visitor", answer);
    this.#ledger.minted(id, address);
    this.#idle.push(id);
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

  /** From a country that asks for consent, without any. The visitor does not come back. */
  async #withdraw(): Promise<void> {
    const id = this.#take();
    const visitor = this.#ledger.visitors.get(id)!;
    visitor.mayBeWithdrawn = true;
    const answer = await this.#ask("/", {
      address: visitor.address,
      headers: { cookie: `ts-ec=${id}`, "x-country": "DE" },
    });
    if (/^ts-ec=;.*Max-Age=0/.test(answer.setCookie)) this.#ledger.withdrawn(id);
    else this.#fault("a withdrawal", answer);
  }

  #askAs(id: string, path: string): Promise<Answer> {
    const { address } = this.#ledger.visitors.get(id)!;
    return this.#ask(path, { address, headers: { cookie: `ts-ec=${id}` } });
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
        headers: { "x-ip": address, "x-country": "JP", ...headers },
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
