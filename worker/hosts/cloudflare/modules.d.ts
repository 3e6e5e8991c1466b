// The part of Cloudflare's runtime that is used here. Its own types come with `wrangler types`.

declare module "cloudflare:workers" {
  import type { ObjectStorage } from "../../../runtime/stores/durable-object.ts";

  export class DurableObject {
    protected readonly ctx: { readonly storage: ObjectStorage };
    constructor(ctx: { readonly storage: ObjectStorage }, env: unknown);
  }

  /** The Worker's bindings, variables and secrets. */
  export const env: Readonly<Record<string, unknown>>;

  /** Keeps the request that is being answered alive until work has settled, or for 30 seconds. */
  export function waitUntil(work: Promise<unknown>): void;
}

declare module "*.wasm" {
  const module: WebAssembly.Module;
  export default module;
}
