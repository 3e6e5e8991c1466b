/**
 * Many WebSockets of one process, from several addresses, because a relay limits the connections of each.
 * @module
 */
import WebSocket from "ws";

/** Connections of one address: the relay's limit. */
const AN_ADDRESS = 100;
/** Connections that are opened at once. */
const AT_ONCE = 50;

/** One of many clients: what it heard is counted, not kept. */
class Member {
  readonly #socket: WebSocket;
  #onMessage: (text: string) => void = () => {};

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#onMessage(data.toString("latin1")));
    // A connection that fails closes, and `hears` rejects then.
    socket.on("error", () => {});
  }

  say(...message: unknown[]): void {
    this.#socket.send(JSON.stringify(message));
  }

  /** Resolves with the next message that begins with a text. @throws {Error} if the connection closes before */
  hears(beginning: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const closed = (code: number) => reject(new Error(`the relay closed a connection with ${code}`));
      this.#socket.once("close", closed);
      this.#onMessage = (text) => {
        if (!text.startsWith(beginning)) return;
        this.#socket.off("close", closed);
        this.#onMessage = () => {};
        resolve(text);
      };
    });
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** Clients that are connected. */
export class Crowd {
  readonly members: Member[] = [];
  readonly #url: string;

  /** @param url of the relay, with `http:` */
  constructor(url: string) {
    this.#url = url.replace(/^http/, "ws");
  }

  /** Connects until this many connections are open. @throws {Error} if the relay refuses one */
  async grow(size: number, say: (text: string) => void): Promise<void> {
    while (this.members.length < size) {
      const from = this.members.length;
      const to = Math.min(size, from + AT_ONCE);
      this.members.push(
        ...(await Promise.all(Array.from({ length: to - from }, (_, i) => this.#open(from + i)))),
      );
      if (to % (20 * AT_ONCE) === 0) say(`${to.toLocaleString("en")} connections are open`);
    }
  }

  /** All ask for the same, and have their answer. */
  async subscribe(name: string, filter: object): Promise<void> {
    for (let from = 0; from < this.members.length; from += AT_ONCE) {
      await Promise.all(
        this.members.slice(from, from + AT_ONCE).map((member) => {
          const answered = member.hears(`["EOSE",${JSON.stringify(name)}`);
          member.say("REQ", name, filter);
          return answered;
        }),
      );
    }
  }

  close(): void {
    for (const member of this.members) member.close();
  }

  #open(i: number): Promise<Member> {
    const number = Math.floor(i / AN_ADDRESS);
    const localAddress = `127.0.${2 + Math.floor(number / 250)}.${1 + (number % 250)}`;
    const socket = new WebSocket(this.#url, { localAddress, perMessageDeflate: false });
    const member = new Member(socket);
    return new Promise((resolve, reject) => {
      socket.once("open", () => resolve(member));
      socket.once("error", reject);
    });
  }
}
