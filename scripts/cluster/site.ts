/**
 * The servers around the two processes: a site with one page, and two partners that count their requests.
 * @module
 */
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";

/** Shows which process answered, and what it knows of the visitor. */
const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Two processes, one identity</title>
<style>body { font: 18px/1.5 system-ui; max-width: 40em; margin: 3em auto; padding: 0 1em } pre { white-space: pre-wrap; overflow-wrap: anywhere }</style>
<h1>Two processes, one identity</h1>
<p>Every two seconds this page asks who you are. The processes answer in turn, and both know.</p>
<pre id="identity">…</pre>
<script>
const show = async () => {
  const answer = await fetch("/identify");
  const body = answer.status === 200 ? JSON.stringify(await answer.json(), null, 2) : "no id yet";
  document.querySelector("#identity").textContent = answer.headers.get("x-answered-by") + " says:\\n" + body;
};
show();
setInterval(show, 2000);
</script>`;

/** A running partner. */
export interface CountingPartner {
  url: string;
  /** Number of requests, in total and in the last minute. */
  requests(): { total: number; lastMinute: number };
  close(): void;
}

const MINUTE_MS = 60_000;

async function listen(answer: RequestListener): Promise<{ url: string; close(): void }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Starts the site. */
export function startSite(): Promise<{ url: string; close(): void }> {
  return listen((_request, response) => {
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(PAGE);
  });
}

/** Starts a partner that has an id for each visitor. */
export async function startCountingPartner(name: string): Promise<CountingPartner> {
  let total = 0;
  let recent: number[] = [];
  const server = await listen((request, response) => {
    total++;
    recent.push(Date.now());
    const id = new URL(request.url ?? "/", "http://partner.example").searchParams.get("ec_id") ?? "";
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ uid: `${name}-${id.slice(-6)}` }));
  });
  return {
    ...server,
    requests() {
      recent = recent.filter((at) => at > Date.now() - MINUTE_MS);
      return { total, lastMinute: recent.length };
    },
  };
}
