/** Who answers a request: the wrapped handler, a route that visitors' browsers call, or one below `/_ts/`. */
export type RouteKind = "organic" | "service" | "api";

const SERVICE_PATHS = new Set(["/sync", "/identify", "/auction"]);

/** Who answers a request for this URL. */
export function routeKind(url: string): RouteKind {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start === -1) return "organic";
  const end = url.slice(start).search(/[?#]/);
  const path = end === -1 ? url.slice(start) : url.slice(start, start + end);
  if (path.startsWith("/_ts/")) return "api";
  return SERVICE_PATHS.has(path) ? "service" : "organic";
}
