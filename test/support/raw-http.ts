/**
 * HTTP/1 as bytes: for requests and responses that no library sends.
 * @module
 */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type NetConnectOpts, type Socket } from "node:net";

/** Timeout of one connection, in milliseconds. */
const TIMEOUT_MS = 30_000;

/** Opens a connection that ends after a timeout. */
export function open(where: NetConnectOpts): Socket {
  const socket = connect({ allowHalfOpen: true, ...where } as NetConnectOpts);
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  socket.on("error", () => {});
  return socket;
}

/** One answer, unchanged. */
export interface RawAnswer {
  status: number;
  /** Flat, name in lower case and value in turn. */
  fields: string[];
  body: string;
  /** Interim responses (1xx) before it, as text. */
  interim: string[];
}

/** The value of a field in a flat list. */
export function fieldOf(fields: readonly string[], name: string): string | undefined {
  const at = fields.findIndex((each, i) => i % 2 === 0 && each.toLowerCase() === name);
  return at === -1 ? undefined : fields[at + 1];
}

/** Reads answers from a connection, one after another. Text is latin1: a byte is a character. */
export function answersOf(socket: Socket) {
  let buffered = "";
  let isEnded = false;
  let wake = () => {};
  socket.on("data", (part) => {
    buffered += part.toString("latin1");
    wake();
  });
  const end = () => {
    isEnded = true;
    wake();
  };
  socket.on("end", end).on("close", end);

  async function until<T>(find: () => T | null): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== null) return found;
      if (isEnded) throw new Error(`the connection ended after ${JSON.stringify(buffered.slice(0, 300))}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  const take = (count: number) => {
    const text = buffered.slice(0, count);
    buffered = buffered.slice(count);
    return text;
  };
  const line = () => until(() => (buffered.includes("\r\n") ? take(buffered.indexOf("\r\n") + 2) : null));

  async function head() {
    const text = await until(() =>
      buffered.includes("\r\n\r\n") ? take(buffered.indexOf("\r\n\r\n") + 4) : null,
    );
    const [first, ...lines] = text.trimEnd().split("\r\n");
    const fields = lines.flatMap((each) => {
      const colon = each.indexOf(":");
      return [each.slice(0, colon).toLowerCase(), each.slice(colon + 1).trim()];
    });
    return { text, status: Number(first!.split(" ")[1]), fields };
  }

  return {
    /** The next answer. @param isHead whether it answers a HEAD request */
    async next(isHead = false): Promise<RawAnswer> {
      const interim: string[] = [];
      let found = await head();
      while (found.status < 200 && found.status !== 101) {
        interim.push(found.text);
        found = await head();
      }
      const { status, fields } = found;
      let body = "";
      const length = fieldOf(fields, "content-length");
      if (isHead || status === 204 || status === 304 || status === 101) body = "";
      else if (/chunked/i.test(fieldOf(fields, "transfer-encoding") ?? "")) {
        for (;;) {
          const size = Number.parseInt(await line(), 16);
          if (size > 0) body += await until(() => (buffered.length >= size ? take(size) : null));
          await line();
          if (size === 0) break;
        }
      } else if (length !== undefined) {
        const count = Number(length);
        body = await until(() => (buffered.length >= count ? take(count) : null));
      } else {
        await until(() => (isEnded ? true : null));
        body = take(buffered.length);
      }
      return { status, fields, body, interim };
    },
    /** The next bytes. */
    bytes: (count: number) => until(() => (buffered.length >= count ? take(count) : null)),
    /** The remaining bytes until the other side ends. */
    async rest(): Promise<string> {
      while (!isEnded) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return take(buffered.length);
    },
    get isEnded() {
      return isEnded;
    },
  };
}

/** Sends one request on a connection of its own and reads the answer. */
export async function ask(where: NetConnectOpts, bytes: string | Buffer, isHead = false): Promise<RawAnswer> {
  const socket = open(where);
  socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  try {
    return await answersOf(socket).next(isHead);
  } finally {
    socket.destroy();
  }
}

/** An origin whose connections are handled as bytes. */
export async function startRawOrigin(handle: (socket: Socket) => void) {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => {});
    socket.on("end", () => socket.end()).resume();
    handle(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    sockets,
    async stop() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
