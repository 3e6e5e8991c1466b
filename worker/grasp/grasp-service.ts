/**
 * GRASP as one of the services of a millrace process: a Nostr relay and a Git server on one address.
 * @module
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { verifySchnorr } from "tiny-secp256k1";
import manifest from "../../package.json" with { type: "json" };
import { Grasp } from "../../runtime/grasp/grasp.ts";
import { toNpub } from "../../runtime/grasp/npub.ts";
import { DEADLINES_MS } from "../../runtime/grasp/purgatory/deadlines.ts";
import { Relay } from "../../runtime/grasp/relay/relay.ts";
import { isLoopbackHost } from "../../runtime/lib/addresses.ts";
import { toHex } from "../../runtime/lib/hex.ts";
import type { MetricDescription } from "../../runtime/observe/metrics.ts";
import { metricsResponse } from "../http/metrics.ts";
import type { SocketPeer } from "../http/socket.ts";
import type { RunningService, ServiceModule, Shared } from "../service.ts";
import { publish } from "./commands/publish.ts";
import { type GraspSection, graspSection, listsOf } from "./config.ts";
import { gitHttp, readPlace } from "./git/git-http.ts";
import { MAX_MESSAGE_BYTES, relayInformation } from "./nip11.ts";
import { landingPage, notHosted, repositoryPage } from "./pages/landing.ts";
import { makeDataFolders, repositoriesIn } from "./repositories.ts";
import { sqliteEventStore } from "./store/event-store.ts";
import { bytesOfHex } from "./store/queries.ts";

/** Cross-origin reads are open to every page, on every answer (G25). */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers":
    "Authorization, Content-Type, Git-Protocol, Accept, Content-Encoding, X-Requested-With",
  "access-control-expose-headers": "Content-Type, Retry-After",
  "access-control-max-age": "86400",
};

const METRICS: readonly MetricDescription[] = [
  [
    "grasp_events_total",
    "counter",
    "Events that were served, by kind: announcement, state, pull_request or other.",
  ],
];

export const graspService: ServiceModule<GraspSection> = {
  ...graspSection,
  metrics: METRICS,
  listen: ({ listen }) => listen,
  hosts: ({ domain, aliases }) => [domain, ...aliases],
  commands: { "grasp publish": publish },
  create,
};

async function create(
  { entry, listen, metrics, log }: Shared,
  section: GraspSection,
): Promise<RunningService> {
  const { clock, random } = entry.host;
  mkdirSync(section.dataDirectory, { recursive: true, mode: 0o700 });
  const folders = await makeDataFolders(section.dataDirectory);
  const store = sqliteEventStore({ path: join(section.dataDirectory, "grasp.db"), clock });
  const hotPath = entry.host.createHotPath({ random });
  const encoder = new TextEncoder();
  const repositories = repositoriesIn(folders);
  const nowMs = () => clock.now();
  const grasp = new Grasp({
    store,
    repositories,
    ourselves: { hosts: [section.domain, ...section.aliases], basePath: "/" },
    lists: listsOf(section),
    nowMs,
    sha256Hex: (text) => toHex(hotPath.sha256(encoder.encode(text))),
    verify: ({ id, pubkey, sig }) => verifySchnorr(bytesOfHex(id), bytesOfHex(pubkey), bytesOfHex(sig)),
  });
  const relay = new Relay({ store, submit: (event, from) => grasp.submit(event, from), nowMs });
  grasp.onHappening((happening) => {
    if (happening.kind !== "served") return;
    metrics.count("grasp_events_total", { kind: kindName(happening.event.kind) });
    relay.broadcast(happening.event);
  });
  await grasp.restore();
  const git = gitHttp({ grasp, repositories, home: folders.home });

  let stopSweeping = () => {};
  const sweep = () => {
    stopSweeping = clock.after(DEADLINES_MS.sweep, sweep);
    grasp.sweep().catch((error) => log.error("purgatory could not be swept", { error }));
  };
  sweep();

  async function answer(request: Request): Promise<Response> {
    const { method } = request;
    if (method === "OPTIONS") return new Response(null, { status: 204 });
    const url = new URL(request.url);
    if (url.pathname === "/health" || url.pathname === "/ready") return Response.json({ status: "ok" });
    if (url.pathname === "/metrics" && isLoopbackHost(listen.host)) return metricsResponse(metrics);
    if (url.pathname === "/") {
      const wantsJson = request.headers.get("accept")?.includes("application/nostr+json");
      if (!wantsJson) return landingPage(section);
      const document = JSON.stringify(relayInformation(section, manifest.version));
      return new Response(document, { headers: { "content-type": "application/nostr+json" } });
    }
    const place = readPlace(url.pathname);
    if (place !== null && place.rest === "" && (method === "GET" || method === "HEAD")) {
      const { owner, identifier } = place;
      const status = grasp.known.announcements(identifier).get(owner)?.status;
      if (status !== "served" && status !== "waiting") return notHosted();
      const npub = toNpub(owner);
      const path = `${npub}/${encodeURIComponent(identifier)}`;
      return repositoryPage(`https://${section.domain}/${path}.git`, `nostr://${path}`, identifier, status);
    }
    return (await git(request)) ?? notHosted();
  }

  return {
    async handler(request: Request) {
      const response = await answer(request);
      for (const [name, value] of Object.entries(CORS)) response.headers.set(name, value);
      return response;
    },
    socket: {
      maxMessageBytes: MAX_MESSAGE_BYTES,
      open: (peer: SocketPeer) => relay.open(peer),
      message: (peer: SocketPeer, message) => void relay.message(peer, message),
      close: (peer: SocketPeer) => relay.close(peer),
    },
    status: () => ({
      connections: relay.connections,
      waiting: {
        announcements: grasp.purgatory.size("announcement"),
        states: grasp.purgatory.size("state"),
        pullRequests: grasp.purgatory.size("pr"),
      },
    }),
    stopping: () => relay.closeAll(),
    async close() {
      stopSweeping();
      await store.close();
    },
  };
}

function kindName(kind: number): string {
  if (kind === 30_617) return "announcement";
  if (kind === 30_618) return "state";
  return kind === 1618 || kind === 1619 ? "pull_request" : "other";
}
