import type { LoadApp } from "../services.ts";

/** Loads every route, for hosts that answer the public. */
export const loadAllRoutes: LoadApp = () => import("./all.ts");
