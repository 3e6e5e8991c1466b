/**
 * millrace on Node.
 * @module
 */
import { createEdgeCookie } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { host } from "../hosts/process/node.ts";

export const edgeCookie = createEdgeCookie(host, loadAllRoutes);
export { ecOf } from "../ec/service.ts";
export { host, type NodeArgs, serve } from "../hosts/process/node.ts";
