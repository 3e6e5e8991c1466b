import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import { type ProcessRuntime, root, runtimes } from "../support/spawn.ts";

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  closing.push(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.for(Object.keys(runtimes) as ProcessRuntime[])(
  "the example of the documentation collects its items from all servers on %s",
  { timeout: 90_000 },
  async (runtime) => {
    const down = await listen((_, response) => {
      response.statusCode = 500;
      response.end();
    });
    const empty = await listen((_, response) => {
      response.statusCode = 404;
      response.end();
    });
    const full = await listen((request, response) => response.end(`the text of ${request.url}`));
    const [command, ...first] = runtimes[runtime];
    const documents = [`one=${down}/one,${full}/one`, `two=${empty}/two,${full}/two`, `three=${full}/three`];
    const { stdout, stderr } = await promisify(execFile)(
      command,
      [...first, "examples/sync-engine/main.ts", ...documents],
      { cwd: root, timeout: 60_000 },
    );
    expect(stdout.trim().split("\n").sort()).toEqual([
      "one: the text of /one",
      "three: the text of /three",
      "two: the text of /two",
    ]);
    const warnings = stderr
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("{"));
    expect(warnings.map((line) => JSON.parse(line))).toMatchObject([
      { message: "a fetch did not succeed", identifier: "one", domain: down.slice("http://".length) },
    ]);
  },
);
