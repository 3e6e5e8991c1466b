/** Who answers a request: the wrapped handler, a route that visitors' browsers call, or one below `/_ts/`. */
export type RouteKind = "organic" | "service" | "api";

const SERVICE_PATHS = ["/sync", "/identify", "/auction"];

/** Who answers a request for this URL. */
export function routeKind(url: string): RouteKind {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  if (start === -1) return "organic";
  if (url.startsWith("/_ts/", start)) return "api";
  for (const path of SERVICE_PATHS) {
    if (url.startsWith(path, start) && isEndOfPath(url[start + path.length])) return "service";
  }
  return "organic";
}

function isEndOfPath(character: string | undefined): boolean {
  return character === undefined || character === "?" || character === "#";
}
