/**
 * One worker as its parent sees it.
 * @module
 */
import { type ChildProcess, fork, type SendHandle } from "node:child_process";
import process from "node:process";
import { Channel } from "./channel.ts";
import {
  type MetricsByService,
  type SocketMessage,
  type ToParent,
  type ToWorker,
  WORKER_VARIABLE,
} from "./messages.ts";

/** How a worker ended. */
export interface MemberEnd {
  readonly code: number | null;
  readonly signal: string | null;
}

/** The state of a start. */
export type Start =
  | { readonly kind: "ready"; readonly urls: Readonly<Record<string, string>> }
  | { readonly kind: "failed"; readonly message: string };

/** What a worker is started with. */
export interface MemberOptions {
  readonly nowMs: number;
  /** Added to the environment of this process. */
  readonly env: Readonly<Record<string, string>> | undefined;
  /** Answers its questions other than those about its start. */
  answer(member: Member, question: ToParent): unknown;
}

/** A worker process. */
export class Member {
  readonly number: number;
  readonly channel: Channel<ToParent, ToWorker>;
  /** Resolves when it listens, or when it is known that it never will. */
  readonly started: Promise<Start>;
  readonly ended: Promise<MemberEnd>;
  readonly startedMs: number;
  /** Whether it was told to stop. */
  isStopping = false;
  hasListened = false;
  /** Whether it can be read: from when it listens until it has told its last counts. */
  isReadable = false;
  /** Its metrics when they were last read. */
  lastMetrics: Record<string, MetricsByService[string]> = {};
  readonly #process: ChildProcess;

  constructor(number: number, options: MemberOptions) {
    const { answer } = options;
    this.number = number;
    this.startedMs = options.nowMs;
    const child = fork(process.argv[1]!, process.argv.slice(2), {
      env: { ...process.env, ...options.env, [WORKER_VARIABLE]: String(number) },
    });
    this.#process = child;
    let settle: (start: Start) => void = () => {};
    this.started = new Promise((resolve) => {
      settle = resolve;
    });
    this.channel = new Channel<ToParent, ToWorker>(
      {
        send: (message) => void child.send(message),
        onMessage: (receive) => void child.on("message", receive),
      },
      (question) => {
        if (question.kind === "failed") return settle({ kind: "failed", message: question.message });
        if (question.kind !== "ready") return answer(this, question);
        this.hasListened = true;
        this.isReadable = true;
        return settle({ kind: "ready", urls: question.urls });
      },
    );
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: string | null) => {
        this.isReadable = false;
        this.channel.close();
        settle({ kind: "failed", message: `the worker ended with ${signal ?? code} before it listened` });
        resolve({ code, signal });
      };
      child.once("exit", end);
      child.once("error", () => end(1, null));
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Tells it to stop, and kills it if it has not ended within `withinMs`. @returns how it ended. */
  async stop(signal: string, withinMs: number): Promise<MemberEnd> {
    this.isStopping = true;
    this.channel.tell({ kind: "stop", signal });
    const timer = setTimeout(() => this.kill(), withinMs);
    const end = await this.ended;
    clearTimeout(timer);
    return end;
  }

  /** Gives it a socket to listen on. */
  give(message: SocketMessage, socket: object): void {
    this.#process.send(message, socket as SendHandle);
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }
}
