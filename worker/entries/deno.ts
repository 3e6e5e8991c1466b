/**
 * millrace on Deno and Deno Deploy.
 * @module
 */
import { createEdgeCookie } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { host } from "../hosts/process/deno.ts";

export const edgeCookie = createEdgeCookie(host, loadAllRoutes);
export { ecOf } from "../ec/service.ts";
export { type DenoArgs, host, serve } from "../hosts/process/deno.ts";
