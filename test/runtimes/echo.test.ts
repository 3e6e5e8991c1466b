/** A service that is added by one file and one line in the list: `test/support/echo/`. */
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { runCli } from "../support/run-cli.ts";
import { type ProcessRuntime, type Spawned, spawnServer } from "../support/spawn.ts";
import { eventually, logged } from "./target.ts";

const MAIN = "test/support/echo/main.ts";
const SECRET = 'the-echo\'s "secret"';
const PASSPHRASE = "publisher-chosen-secret";
const folder = mkdtempSync(join(tmpdir(), "millrace-echo-"));
const site = createServer((_request, response) => response.end("the site"));

beforeAll(async () => {
  site.listen(0, "127.0.0.1");
  await once(site, "listening");
});
afterAll(() => {
  site.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Writes a configuration file. */
function file(name: string, content: object): string {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

const edgeCookie = () => ({
  publisher: {
    domain: "publisher.example",
    origin: `http://127.0.0.1:${(site.address() as AddressInfo).port}`,
  },
  passphrases: [PASSPHRASE],
  store: "memory:",
  consent: { assumeCountry: "JP" },
});
const shared = { listen: { port: 0 }, log: { level: "debug" } };

/** Asks a server by a host's name. */
async function ask(url: string, path: string, headers: Record<string, string> = {}) {
  const outgoing = httpRequest(new URL(path, url), { headers, agent: false }).end();
  const [incoming] = await once(outgoing, "response");
  return { status: incoming.statusCode as number, body: await text(incoming) };
}

/** Opens a WebSocket, sends messages, and returns what comes back and the code with which it closes. */
async function converse(url: string, host: string, messages: readonly (string | Buffer)[]) {
  const socket = new WebSocket(url.replace("http", "ws"), { headers: { host } });
  const received: unknown[] = [];
  socket.on("message", (data: Buffer, isBinary: boolean) => {
    received.push(isBinary ? Buffer.from(data) : data.toString());
    if (received.length === messages.length) socket.close(1000);
  });
  socket.on("open", () => {
    for (const message of messages) socket.send(message);
  });
  const [code] = await once(socket, "close");
  return { received, code };
}

/** The status with which an upgrade to WebSocket is refused. */
async function refusedUpgrade(url: string, host: string): Promise<number> {
  const socket = new WebSocket(url.replace("http", "ws"), { headers: { host } });
  const [request, response] = await once(socket, "unexpected-response");
  request.destroy();
  return response.statusCode;
}

const readyLines = (server: Spawned) =>
  Object.fromEntries(
    [...server.output().matchAll(/^millrace ([\w-]+) listening on (\S+)$/gm)].map(([, name, url]) => [
      name,
      url!,
    ]),
  );

describe.each<ProcessRuntime>(["node", "bun", "deno"])("on %s", (runtime) => {
  const start = (path: string) => spawnServer(runtime, [MAIN, "serve", "--config", path]);

  test("two services share an address by the request's host", async () => {
    const path = file(`${runtime}-shared`, {
      ...shared,
      edgeCookie: edgeCookie(),
      echo: { hosts: ["echo.example"], secret: SECRET },
    });
    const server = await start(path);
    await eventually("both are ready", async () => Object.keys(readyLines(server)).length === 2 || undefined);
    const { "edge-cookie": url, echo } = readyLines(server);
    expect(echo).toBe(url);

    const host = "Echo.Example:8080";
    const authorization = `Bearer ${SECRET}`;
    expect(await ask(url!, "/a", { host, authorization })).toEqual({
      status: 200,
      body: '{"pathname":"/a","ip":"127.0.0.1"}',
    });
    expect((await ask(url!, "/a", { host })).status).toBe(401);
    expect((await ask(url!, "/a", { host: "publisher.example" })).body).toBe("the site");

    const metrics = async () => (await ask(url!, "/metrics", { host })).body;
    expect(await metrics()).toMatch(/^echo_messages_total 0$/m);
    const messages = ["text ✓", Buffer.from([0, 255, 10])];
    expect(await converse(url!, "echo.example", messages)).toEqual({ received: messages, code: 1000 });
    expect(await converse(url!, "echo.example", ["x".repeat(1025)])).toEqual({ received: [], code: 1009 });
    expect(await metrics()).toMatch(/^echo_messages_total 2$/m);

    await logged(server, /"a request".*"authorization":"Bearer …"/);
    expect(await server.stop()).toBe(0);
    expect(server.log() + server.output()).not.toContain("the-echo's");
  });

  test("two services listen on two addresses, and one that is not configured does not run", async () => {
    const both = await start(
      file(`${runtime}-two`, {
        ...shared,
        edgeCookie: edgeCookie(),
        echo: { listen: { port: 0 }, secret: SECRET },
      }),
    );
    await eventually("both are ready", async () => Object.keys(readyLines(both)).length === 2 || undefined);
    const { "edge-cookie": url, echo } = readyLines(both);
    expect(echo).not.toBe(url);
    expect((await ask(echo!, "/metrics")).status).toBe(200);
    expect((await ask(url!, "/")).body).toBe("the site");
    expect(await both.stop()).toBe(0);

    const alone = await start(
      file(`${runtime}-alone`, { ...shared, echo: { listen: { port: 0 }, secret: SECRET } }),
    );
    expect((await ask(alone.url, "/metrics")).status).toBe(200);
    expect(await alone.stop()).toBe(0);
    expect(alone.output()).toBe(`millrace echo listening on ${alone.url}\n`);
  });

  test("a service without WebSockets answers 501", async () => {
    const port = { port: 0 };
    const server = await spawnServer(runtime, [
      MAIN,
      "store",
      "--store",
      "memory:",
      "--port",
      String(port.port),
      "--token-hash",
      "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ]);
    expect(await refusedUpgrade(server.url, "127.0.0.1")).toBe(501);
    expect(await server.stop()).toBe(0);
  });

  test("check and serve name the same faults of all sections, and no secret", async () => {
    const path = file(`${runtime}-faulty`, {
      listen: { port: "x" },
      edgeCookie: { ...edgeCookie(), passphrases: ["short!"] },
      echo: { secret: "tiny", hosts: 5, volume: 11 },
    });
    const [check, serve] = await Promise.all(
      ["check", "serve"].map((command) => runCli(runtime, [command, "--config", path], { main: MAIN })),
    );
    expect(check!.stderr).toBe(serve!.stderr);
    expect([check!.code, serve!.code]).toEqual([1, 1]);
    const fields = [...check!.stderr.matchAll(/^ {2}(\S+): /gm)].map(([, field]) => field);
    expect(fields).toEqual([
      "listen.port",
      "edgeCookie.passphrases[0]",
      "echo.hosts",
      "echo.secret",
      "echo.volume",
    ]);
    expect(check!.stderr).not.toMatch(/tiny|short!/);
  });

  test("SIGHUP changes the log's level, names what needs a restart, and keeps the old file where the new one is faulty", async () => {
    const name = `${runtime}-hangup`;
    const content = { ...shared, log: { level: "info" }, echo: { listen: { port: 0 }, secret: SECRET } };
    const server = await start(file(name, content));
    const hangUp = () => server.process.kill("SIGHUP");
    await ask(server.url, "/quiet");

    file(name, { ...content, log: { level: "debug" } });
    hangUp();
    await logged(server, /"SIGHUP: the configuration was read again"/);
    await ask(server.url, "/loud");
    await logged(server, /"pathname":"\/loud"/);
    expect(server.log()).not.toContain("/quiet");

    file(name, { ...content, log: { level: "loud" }, echo: { secret: 5 } });
    hangUp();
    await logged(server, /"field":"log\.level".*"field":"echo\.secret"/);
    await ask(server.url, "/still-loud");
    await logged(server, /"pathname":"\/still-loud"/);

    file(name, { ...content, echo: { ...content.echo, secret: "another secret", hosts: ["a.example"] } });
    hangUp();
    await logged(server, /"needsRestart":\["echo\.secret","echo\.hosts"\]/);
    expect(await server.stop()).toBe(0);
    expect(server.log()).not.toMatch(/the-echo's|another secret/);
  });
});
