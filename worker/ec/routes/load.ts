import type { LoadApp } from "../app.ts";

/** Loads every route, for hosts that anyone can ask. */
export const loadAllRoutes: LoadApp = () => import("./all.ts");
