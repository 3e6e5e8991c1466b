/**
 * The operator's paths: `/metrics`, and with the operator's token the state behind the page `/admin/`. They are at one address,
 * which is not the public one unless the client is on this machine.
 * @module
 */
import type { OperatorParts } from "./operator-app.ts";

/**
 * Answers a request; `null`: its path is not the operator's.
 * @param address the client's, for which its wrong tokens are counted; `null`: not known
 */
export type OperatorAnswer = (request: Request, address: string | null) => Promise<Response | null>;

/** Answers the operator's paths. Their routes are loaded by the first request for one: a start needs none. */
export function operatorAnswer(parts: OperatorParts): OperatorAnswer {
  const paths = ["metrics", "admin", "admin/", "admin/status", "admin/past"].map(
    (path) => parts.basePath + path,
  );
  const load = async () => (await import("./operator-app.ts")).operatorApp(parts);
  let app: ReturnType<typeof load> | null = null;
  return async (request, address) => {
    const isRead = request.method === "GET" || request.method === "HEAD";
    if (!isRead || !paths.includes(new URL(request.url).pathname)) return null;
    app ??= load();
    return (await app).fetch(request, { address });
  };
}
