/**
 * A response of `node:http` that is held back until its head is final.
 * @module
 */
import type { ServerResponse } from "node:http";

type FieldValue = number | string | readonly string[];

/** Thrown into {@link HeldResponse.head} when the client leaves before the site answers. */
const CLIENT_LEFT = "the client closed the connection before the response began";

/**
 * Takes over the methods that write a response. What is written before {@link HeldResponse.release} waits in memory; the
 * writer sees backpressure. The methods stay replaced afterwards, because other middleware may have wrapped them.
 */
export class HeldResponse {
  /** Status and header fields, as soon as the response begins. Rejects if the client leaves before. */
  readonly head: Promise<Response>;
  readonly #outgoing: ServerResponse;
  readonly #writeHead: ServerResponse["writeHead"];
  #begin: (head: Response) => void = () => {};
  /** What was called and waits; `null` once the response is released. */
  #calls: (() => unknown)[] | null = [];
  #hasBegun = false;
  #hasEnded = false;
  #needsDrain = false;

  constructor(outgoing: ServerResponse) {
    this.#outgoing = outgoing;
    this.#writeHead = outgoing.writeHead;
    this.head = new Promise((resolve, reject) => {
      this.#begin = resolve;
      outgoing.once("close", () => reject(new Error(CLIENT_LEFT)));
    });
    this.#replaceMethods();
  }

  /**
   * Sends what waits, and lets everything else through from now on.
   * @param headers the final header fields; `null`: as the site set them.
   */
  release(headers: Headers | null): void {
    const outgoing = this.#outgoing;
    const calls = this.#calls ?? [];
    this.#calls = null;
    for (const name of ["headersSent", "writableEnded"]) Reflect.deleteProperty(outgoing, name);
    if (outgoing.destroyed) return;
    if (headers !== null) setFields(outgoing, headers);
    let isAccepted: unknown = true;
    for (const call of calls) isAccepted = call();
    if (this.#needsDrain && !this.#hasEnded && isAccepted !== false) outgoing.emit("drain");
  }

  #replaceMethods(): void {
    const outgoing = this.#outgoing;
    const { write, end, flushHeaders } = outgoing;
    const held = this;

    outgoing.writeHead = function (this: ServerResponse, ...args: unknown[]) {
      if (held.#calls === null) return Reflect.apply(held.#writeHead, outgoing, args);
      mergeHead(outgoing, args);
      held.#start();
      held.#calls.push(() => held.#writeHead.call(outgoing, outgoing.statusCode));
      return outgoing;
    } as ServerResponse["writeHead"];

    /** A method that sends the head by itself if nothing has sent it yet. */
    const hold = (method: (...args: never[]) => unknown, result: unknown) =>
      ((...args: never[]) => {
        if (held.#calls === null) return Reflect.apply(method, outgoing, args);
        held.#startImplicitly();
        if (method === write) held.#needsDrain = true;
        if (method === end) held.#markEnded();
        held.#calls.push(() => Reflect.apply(method, outgoing, args));
        return result;
      }) as never;
    outgoing.write = hold(write, false);
    outgoing.end = hold(end, outgoing);
    outgoing.flushHeaders = hold(flushHeaders, undefined);
  }

  /** Has listeners for the head, which wrap `writeHead`, set their fields now. */
  #startImplicitly(): void {
    if (this.#hasBegun) return;
    const before = this.#calls!.length;
    this.#outgoing.writeHead(this.#outgoing.statusCode);
    // Node makes this call by itself, and knows more then: the length of a body that is written at once.
    this.#calls!.length = before;
  }

  #start(): void {
    if (this.#hasBegun) return;
    this.#hasBegun = true;
    show(this.#outgoing, "headersSent");
    this.#begin(headOf(this.#outgoing));
  }

  #markEnded(): void {
    this.#hasEnded = true;
    show(this.#outgoing, "writableEnded");
  }
}

/** Frameworks look at these to learn whether they have answered. */
function show(outgoing: ServerResponse, name: "headersSent" | "writableEnded"): void {
  Object.defineProperty(outgoing, name, { configurable: true, get: () => true });
}

/** Sets what the arguments of `writeHead` say: a status, a reason phrase, and header fields as an object or as a list. */
function mergeHead(outgoing: ServerResponse, [status, first, second]: unknown[]): void {
  outgoing.statusCode = Number(status);
  if (typeof first === "string") outgoing.statusMessage = first;
  const fields: unknown = typeof first === "string" ? second : (second ?? first);
  if (!Array.isArray(fields)) {
    for (const [name, value] of Object.entries((fields ?? {}) as Record<string, FieldValue | undefined>)) {
      if (value !== undefined) outgoing.setHeader(name, value);
    }
    return;
  }
  const pairs = fields.flat() as string[];
  const set = new Set<string>();
  for (let i = 0; i < pairs.length; i += 2) {
    const name = pairs[i]!;
    if (set.has(name.toLowerCase())) outgoing.appendHeader(name, pairs[i + 1]!);
    else outgoing.setHeader(name, pairs[i + 1]!);
    set.add(name.toLowerCase());
  }
}

/** The head as a response without a body, whose status is one that a `Response` may have. */
function headOf(outgoing: ServerResponse): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(outgoing.getHeaders())) {
    for (const each of [value].flat()) headers.append(name, String(each));
  }
  return new Response(null, { status: Math.min(Math.max(outgoing.statusCode, 200), 599), headers });
}

/** Makes the fields of a response these, and leaves alone what does not change. */
function setFields(outgoing: ServerResponse, headers: Headers): void {
  for (const name of outgoing.getHeaderNames()) if (!headers.has(name)) outgoing.removeHeader(name);
  for (const name of new Set(headers.keys())) {
    const before = [outgoing.getHeader(name)].flat().map(String);
    const after = name === "set-cookie" ? headers.getSetCookie() : [headers.get(name)!];
    const isSame = name === "set-cookie" ? before.join() === after.join() : before.join(", ") === after[0];
    if (!isSame) outgoing.setHeader(name, name === "set-cookie" ? after : after[0]!);
  }
}
