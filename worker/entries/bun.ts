/**
 * millrace on Bun.
 * @module
 */
import { createEdgeCookie } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { host } from "../hosts/process/bun.ts";

export const edgeCookie = createEdgeCookie(host, loadAllRoutes);
export { ecOf } from "../ec/service.ts";
export { type BunArgs, host, serve } from "../hosts/process/bun.ts";
