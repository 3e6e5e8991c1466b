/**
 * Sends a command to the running service of a data directory (O14).
 * @module
 */
import { UsageError, type Values } from "../../cli/command.ts";
import { StartError } from "../../serve/start-error.ts";
import { readAddress } from "./address.ts";
import type { Line } from "./channel.ts";
import type { Row } from "./verb.ts";

/** Longest line of an answer, in characters. */
const MAX_LINE = 4 * 1024 * 1024;

/** Who hears an answer while it arrives. */
export interface Listener {
  row(row: Row): void;
  text(line: string): void;
  progress(text: string): void;
}

/**
 * Runs a command in the service.
 * @throws {StartError} if no service runs there, or the command cannot be done; {@link UsageError} if its values are wrong
 */
export async function call(
  dataDirectory: string,
  verb: string,
  values: Values,
  listener: Listener,
): Promise<void> {
  const response = await send(dataDirectory, verb, values);
  if (response.status !== 200 || response.body === null)
    throw new StartError(
      `the service answered ${response.status}: ${(await response.text()).slice(0, 200).trim()}`,
    );
  for await (const line of linesIn(response.body)) {
    if ("row" in line) listener.row(line.row);
    else if ("text" in line) listener.text(line.text);
    else if ("progress" in line) listener.progress(line.progress);
    else if ("error" in line) throw line.isUsage ? new UsageError(line.error) : new StartError(line.error);
    else if ("end" in line) return;
  }
  throw new StartError("the service stopped before the command was done");
}

async function send(dataDirectory: string, verb: string, values: Values): Promise<Response> {
  const absent = (cause?: unknown) =>
    new StartError(
      `no service runs on ${dataDirectory}: start it with millrace serve, or name its configuration with --config FILE`,
      { cause },
    );
  const address = readAddress(dataDirectory);
  if (address === null) throw absent();
  try {
    return await fetch(`${address.url}/${verb}`, {
      method: "POST",
      headers: { authorization: `Bearer ${address.token}`, "content-type": "application/json" },
      body: JSON.stringify(values),
      redirect: "error",
    });
  } catch (cause) {
    // The file is one that a killed service left.
    throw absent(cause);
  }
}

async function* linesIn(body: ReadableStream<Uint8Array>): AsyncGenerator<Line> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop()!;
    if (rest.length > MAX_LINE) throw new StartError("the service's answer cannot be read");
    for (const line of lines) if (line !== "") yield JSON.parse(line) as Line;
  }
}
