/** The parts of a URL of Redis. */
export interface RedisAddress {
  nodes: RedisNode[];
  tls: boolean;
  username: string | undefined;
  password: string | undefined;
  database: number;
  /** Comes before every key. */
  prefix: string;
  /** How many replicas must have a write before it counts. `null`: not given. */
  replicas: number | null;
}

export interface RedisNode {
  /** An IPv6 address has brackets, as in a URL. */
  host: string;
  port: number;
}

const DEFAULT_PORT = 6379;
const DEFAULT_PREFIX = "millrace:";

/** @throws {TypeError} that shows the form of the URL, never its password. */
export function parseAddress(url: string): RedisAddress {
  const [, scheme, authority = "", rest = ""] = /^(rediss?):\/\/([^/?#]*)(.*)$/s.exec(url) ?? [];
  const hosts = authority.slice(authority.lastIndexOf("@") + 1);
  const user = authority.slice(0, authority.length - hosts.length);
  try {
    // The platform's parser reads one host: each host makes a URL of its own.
    const parsed = hosts.split(",").map((host) => new URL(`${scheme}://${user}${host}${rest}`));
    const [first] = parsed as [URL, ...URL[]];
    const path = first.pathname.replace(/^\//, "");
    const isKnown = [...first.searchParams.keys()].every((key) => key === "prefix" || key === "replicas");
    const replicas = first.searchParams.get("replicas");
    if (
      !isKnown ||
      !/^\d$/.test(replicas ?? "0") ||
      !/^\d{0,5}$/.test(path) ||
      parsed.some(({ hostname }) => hostname === "")
    )
      throw null;
    return {
      nodes: parsed.map(({ hostname, port }) => ({ host: hostname, port: Number(port || DEFAULT_PORT) })),
      tls: scheme === "rediss",
      username: decodeURIComponent(first.username) || undefined,
      password: decodeURIComponent(first.password) || undefined,
      database: Number(path),
      prefix: first.searchParams.get("prefix") ?? DEFAULT_PREFIX,
      replicas: replicas === null ? null : Number(replicas),
    };
  } catch {
    // The platform's error message may contain the password.
    throw new TypeError(
      "the URL of Redis must be redis://USER:PASSWORD@HOST:PORT/DATABASE?prefix=TEXT&replicas=N, or rediss:// for TLS; " +
        "only the host is required, and commas separate several hosts of a Cluster",
    );
  }
}

/** A host as a socket takes it. */
export function socketTo({ host, port }: RedisNode) {
  return { host: host.replace(/^\[(.*)\]$/, "$1"), port };
}
