/**
 * Questions and answers between two processes over a channel that carries plain data.
 * @module
 */

/** One end of the channel. */
export interface Port {
  /** Sends a message. @throws if the other end is gone. */
  send(message: object): void;
  onMessage(receive: (message: unknown) => void): void;
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A message: a question with `ask`, else an answer. */
interface Message {
  readonly millrace: number;
  readonly ask?: unknown;
  readonly answer?: unknown;
  readonly error?: string;
}

/** Asks the other process, and answers it. */
export class Channel<Asked, Asking> {
  readonly #port: Port;
  readonly #answer: (question: Asked) => unknown;
  readonly #pending = new Map<number, Pending>();
  #next = 1;
  #isClosed = false;

  /** @param answer answers questions of the other process; what it throws is the answer's error */
  constructor(port: Port, answer: (question: Asked) => unknown) {
    this.#port = port;
    this.#answer = answer;
    port.onMessage((message) => {
      if (isMessage(message)) void this.#receive(message);
    });
  }

  /**
   * Asks the other process.
   * @throws {Error} with the other's message if it could not answer, or if it is gone.
   */
  ask(question: Asking): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(new Error("the other process is gone"));
    const id = this.#next++;
    const answered = new Promise<unknown>((resolve, reject) => this.#pending.set(id, { resolve, reject }));
    this.#send({ millrace: id, ask: question });
    return answered;
  }

  /** Asks where the answer does not matter, nor whether the other process still lives. */
  tell(question: Asking): void {
    this.ask(question).catch(() => {});
  }

  /** The other process is gone: every open question fails. */
  close(): void {
    this.#isClosed = true;
    for (const { reject } of this.#pending.values()) reject(new Error("the other process is gone"));
    this.#pending.clear();
  }

  async #receive({ millrace: id, ask, answer, error }: Message): Promise<void> {
    if (ask === undefined) {
      const pending = this.#pending.get(id);
      this.#pending.delete(id);
      if (error === undefined) pending?.resolve(answer);
      else pending?.reject(new Error(error));
      return;
    }
    try {
      this.#send({ millrace: id, answer: (await this.#answer(ask as Asked)) ?? null });
    } catch (failure) {
      this.#send({ millrace: id, error: failure instanceof Error ? failure.message : String(failure) });
    }
  }

  #send(message: Message): void {
    if (this.#isClosed) return;
    try {
      this.#port.send(message);
    } catch {
      this.close();
    }
  }
}

function isMessage(message: unknown): message is Message {
  return typeof message === "object" && message !== null && typeof (message as Message).millrace === "number";
}
