/**
 * millrace on any other runtime with the Web standards and WebAssembly: a store in memory unless the options bring one,
 * addresses and geography only from the headers that the options name.
 * @module
 */
import { createEdgeCookie } from "../ec/edge-cookie.ts";
import { loadAllRoutes } from "../ec/routes/load.ts";
import { host } from "../hosts/web-host.ts";

export const edgeCookie = createEdgeCookie(host, loadAllRoutes);
export { ecOf } from "../ec/service.ts";
export { host, type WebArgs } from "../hosts/web-host.ts";
