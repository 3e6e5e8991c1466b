/**
 * GRASP behind a reverse proxy with TLS on a port of loopback: its certificate, and a client that reaches it by its domain.
 * @module
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { expect } from "vitest";
import { WebSocket } from "ws";
import { toNpub } from "../../runtime/grasp/npub.ts";
import { workTree } from "./git.ts";
import { MAIN, PURGATORY, runGitClient } from "./grasp-server.ts";
import { author } from "./nostr.ts";

/** Makes a certificate that signs itself. @param domains the names that it has */
export function certificateIn(
  folder: string,
  ...domains: readonly string[]
): { key: string; certificate: string } {
  const [key, certificate] = [join(folder, "front.key"), join(folder, "front.pem")] as const;
  const kind = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-subj",
    `/CN=${domains[0]}`,
  ];
  const names = domains.map((domain) => `DNS:${domain}`).join(",");
  const rest = ["-addext", `subjectAltName=${names}`, "-days", "1", "-keyout", key, "-out", certificate];
  execFileSync("openssl", ["req", "-x509", ...kind, ...rest], { stdio: "pipe" });
  return { key, certificate };
}

/** Where the proxy is. */
export interface Front {
  readonly domain: string;
  readonly port: number;
}

/** A repository that was announced and pushed through a proxy. */
export interface PushedRepository {
  /** Its path, without a slash in front. */
  readonly path: string;
  readonly url: string;
  readonly commit: string;
  /** Runs Git as a client of the proxy. */
  git(folder: string, ...args: readonly string[]): ReturnType<typeof runGitClient>;
}

/** Announces a repository over a WebSocket, and pushes a commit that no compression makes smaller. @param bytes of the push, about */
export async function pushThrough(
  { domain, port }: Front,
  folder: string,
  bytes: number,
): Promise<PushedRepository> {
  const owner = author();
  const path = `${toNpub(owner.key)}/repo.git`;
  const url = `https://${domain}:${port}/${path}`;
  const work = workTree(folder);
  execFileSync("git", ["config", "core.compression", "0"], { cwd: work.path });
  const commit = work.commit("large", randomBytes((bytes / 4) * 3).toString("base64"));
  const listed = [
    ["d", "repo"],
    ["clone", `https://${domain}/${path}`],
    ["relays", `wss://${domain}`],
  ];
  const state = [
    ["d", "repo"],
    [MAIN, commit],
    ["HEAD", `ref: ${MAIN}`],
  ];
  const answers = await publishThrough({ domain, port }, [
    owner.sign(30617, listed),
    owner.sign(30618, state),
  ]);
  expect(answers).toEqual([
    [true, PURGATORY],
    [true, PURGATORY],
  ]);
  const own = ["-c", "http.sslVerify=false", "-c", `http.curloptResolve=${domain}:${port}:127.0.0.1`];
  const git = (where: string, ...args: readonly string[]) => runGitClient(where, ...own, ...args);
  expect(await git(work.path, "-c", "pack.compression=0", "push", url, "main")).toMatchObject({ code: 0 });
  return { path, url, commit, git };
}

/** Sends events one after the other. @returns what each `OK` says */
async function publishThrough({ domain, port }: Front, events: readonly object[]): Promise<unknown[]> {
  const socket = new WebSocket(`wss://${domain}/`, {
    createConnection: (() =>
      connectTls({ host: "127.0.0.1", port, servername: domain, rejectUnauthorized: false })) as never,
  });
  await once(socket, "open");
  const answers: unknown[] = [];
  for (const event of events) {
    const answer = once(socket, "message");
    socket.send(JSON.stringify(["EVENT", event]));
    answers.push(JSON.parse(String((await answer)[0])).slice(2));
  }
  socket.close();
  return answers;
}
