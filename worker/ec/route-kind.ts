/** Which handler serves a request: the wrapped one, a route that visitors' browsers call, or a route below `/_ts/`. */
export type RouteKind = "organic" | "service" | "api";

const SERVICE_PATHS = ["/sync", "/identify", "/auction"];

/** The kind of a URL. */
export function routeKind(url: string): RouteKind {
  return routeAt(url, startOfPath(url));
}

/** The kind of a path with its query, as they were sent. */
export function routeKindOfPath(path: string): RouteKind {
  return routeAt(path, 0);
}

/** How a path of the service goes on after its slash. */
const FIRST_LETTERS = "_sia";

function routeAt(url: string, start: number): RouteKind {
  if (start === -1 || !FIRST_LETTERS.includes(url[start + 1] ?? " ")) return "organic";
  if (url.startsWith("/_ts/", start)) return "api";
  return SERVICE_PATHS.some((path) => isPathAt(url, start, path)) ? "service" : "organic";
}

/** Whether the path of an absolute URL is this one. */
export function hasPath(url: string, path: string): boolean {
  return isPathAt(url, startOfPath(url), path);
}

/** Index of the path in an absolute URL; -1: it has none. */
function startOfPath(url: string): number {
  return url.indexOf("/", url.indexOf("://") + 3);
}

function isPathAt(url: string, start: number, path: string): boolean {
  if (!url.startsWith(path, start)) return false;
  const end = url[start + path.length];
  return end === undefined || end === "?" || end === "#";
}
