/**
 * The figures of the proxies as tables.
 * @module
 */

import { markdownTable } from "../markdown-table.ts";
import { type Provenance, provenanceLine } from "../provenance.ts";

/** Medians of one server under load. */
export interface ProxiedPages {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Resident memory at the end of a turn, in MiB. */
  readonly residentMiB: number;
}

/** The figures of one runtime. */
export interface Proxied {
  /** By server. */
  readonly pages: Readonly<Record<string, ProxiedPages>>;
  /** Bodies of 100 MB in MB a second, by server. */
  readonly bodies: Readonly<Record<string, { readonly down: number; readonly up: number }>>;
}

/** Share of the fastest bare proxy's requests a second that `millrace serve` is to reach. */
export const PROXY_REACH = 0.9;
/** The proxies without a service, on the same runtime. */
export const BARE = ["node:http", "http-proxy", "undici", "undici's dispatch"];

/** Requests a second of a server as a share of the fastest bare proxy's. */
export function shareOfBare({ pages }: Proxied, server: string): number {
  return pages[server]!.perSecond / Math.max(...BARE.map((name) => pages[name]!.perSecond));
}

/** Two tables: pages, and bodies of 100 MB. */
export function proxyTables(
  proxied: Readonly<Record<string, Proxied>>,
  provenance: Readonly<Record<string, Provenance>>,
): string {
  const pages = Object.entries(proxied).flatMap(([host, of]) =>
    Object.entries(of.pages).map(([name, each]) => [
      host,
      name,
      Math.round(each.perSecond).toLocaleString("en"),
      each.cpuMicros.toFixed(1),
      each.p50Ms.toFixed(2),
      each.p99Ms.toFixed(2),
      String(Math.round(each.residentMiB)),
      `${Math.round(100 * shareOfBare(of, name))}%`,
    ]),
  );
  const bodies = Object.entries(proxied).flatMap(([host, of]) =>
    Object.entries(of.bodies).map(([name, { down, up }]) => [
      host,
      name,
      String(Math.round(down)),
      String(Math.round(up)),
    ]),
  );
  const head = ["runtime", "", "requests/s", "CPU µs a request", "p50 ms", "p99 ms", "MiB"];
  return [
    markdownTable([[...head, "share of the fastest bare one"], ...pages]),
    markdownTable([["runtime", "", "100 MB down, MB/s", "up, MB/s"], ...bodies]),
    provenanceLine(provenance),
  ].join("\n\n");
}
