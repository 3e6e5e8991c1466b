/**
 * What Git says during a fetch: its messages, and its trace of the HTTP exchange (`GIT_TRACE_CURL`, without bodies). The trace
 * shows what the messages leave out: status, `Retry-After` and `Location`. Foreign text may be among all of it.
 * @module
 */

/** What is kept of Git's messages, in lines and in characters of a line. */
const MAX_LINES = 200;
const MAX_LINE = 500;
/** What is read of a line, in characters: a header may be longer than what is kept. */
const MAX_READ = 4096;
const SENT = /^[\d:.]+ \S+:\d+ +=> Send header: ([A-Z]+) (\S+) HTTP\//;
const RECEIVED = /^[\d:.]+ \S+:\d+ +<= Recv header: ?(.*)$/;
const TRACE = /^[\d:.]+ \S+:\d+ +(?:==|=>|<=)/;
const STATUS_LINE = /^HTTP\/[\d.]+ (\d{3})/;
const FIELD = /^(retry-after|location): *(.*?) *$/i;
/** The requests of a smart client. Anything else is the dumb protocol, which asks for files one by one. */
const SMART = /\/(?:info\/refs\?service=git-upload-pack|git-upload-pack)$/;

/** Reads Git's standard error as it arrives. */
export class GitReply {
  /** Status of the newest response; `null`: there was none. */
  status: number | null = null;
  /** Its field `Retry-After`. */
  retryAfter: string | null = null;
  /** Its field `Location`. */
  location: string | null = null;
  /** Git fell back to the dumb protocol. */
  isDumb = false;
  /** Messages without trace, progress and what the server sent as progress. */
  readonly lines: string[] = [];
  #rest = "";

  /** Takes more text. Lines end with a line feed, or with a carriage return where Git shows progress. */
  add(text: string): void {
    const lines = (this.#rest + text).split(/[\r\n]/);
    // The memory for a line without an end is bounded.
    this.#rest = lines.pop()!.slice(0, MAX_READ);
    for (const line of lines) this.#read(line.slice(0, MAX_READ));
  }

  /** Takes the last line, which may have no end. */
  end(): void {
    this.#read(this.#rest);
    this.#rest = "";
  }

  #read(line: string): void {
    const received = RECEIVED.exec(line);
    if (received !== null) {
      this.#header(received[1]!);
      return;
    }
    const sent = SENT.exec(line);
    if (sent !== null && !SMART.test(sent[2]!)) this.isDumb = true;
    if (line === "" || TRACE.test(line)) return;
    if (/^(?:fatal|error|warning): /.test(line) && this.lines.length < MAX_LINES) {
      this.lines.push(line.slice(0, MAX_LINE));
    }
    // The server's own Git found its repository broken.
    if (/^remote: .*repository corruption/.test(line))
      this.lines.push("error: the remote repository is broken");
  }

  #header(text: string): void {
    const status = STATUS_LINE.exec(text)?.[1];
    if (status !== undefined) {
      this.status = Number(status);
      this.retryAfter = null;
      this.location = null;
      return;
    }
    const field = FIELD.exec(text);
    if (field === null) return;
    if (field[1]!.toLowerCase() === "location") this.location = field[2]!;
    else this.retryAfter = field[2]!;
  }
}
