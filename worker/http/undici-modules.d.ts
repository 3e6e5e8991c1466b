/** Parts of undici, imported by file: the whole package takes longer to load, and Bun has another one under its name. */
declare module "undici/lib/dispatcher/pool.js" {
  export { Pool as default } from "undici";
}
declare module "undici/lib/core/connect.js" {
  export { buildConnector as default } from "undici";
}
