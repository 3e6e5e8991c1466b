/** Who answers a request: the wrapped handler, a route that visitors' browsers call, or one below `/_ts/`. */
export type RouteKind = "organic" | "service" | "api";

const SERVICE_PATHS = ["/sync", "/identify", "/auction"];

/** Who answers a request for this URL. */
export function routeKind(url: string): RouteKind {
  return routeAt(url, startOfPath(url));
}

/** Who answers a request for this path and query, as they were sent. */
export function routeKindOfPath(path: string): RouteKind {
  return routeAt(path, 0);
}

function routeAt(url: string, start: number): RouteKind {
  if (start === -1) return "organic";
  if (url.startsWith("/_ts/", start)) return "api";
  return SERVICE_PATHS.some((path) => isPathAt(url, start, path)) ? "service" : "organic";
}

/** Whether the path of an absolute URL is this one. */
export function hasPath(url: string, path: string): boolean {
  return isPathAt(url, startOfPath(url), path);
}

/** Where the path begins; -1: there is none. */
function startOfPath(url: string): number {
  return url.indexOf("/", url.indexOf("://") + 3);
}

function isPathAt(url: string, start: number, path: string): boolean {
  if (!url.startsWith(path, start)) return false;
  const end = url[start + path.length];
  return end === undefined || end === "?" || end === "#";
}
