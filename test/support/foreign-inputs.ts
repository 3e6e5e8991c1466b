/** The parts of `worker/` for processes only: the command line, its server, its proxy, the demonstration. */
const PROCESS =
  /^worker\/(cli|serve|hosts\/process|ec\/(demo|commands|site)|config\/configured|http\/(raw-fetch|public-lookup|server|proxy\/(?!fetch-proxy|fields|trace)))\b/;
const LIBRARIES = /^node_modules\/(hono|valibot)\//;
const OWN = /^(runtime|worker|wasm)\//;
/** What stores or limiters share. */
const SHARED = ["expiry", "guard", "window"];

/**
 * The files of a bundle that belong to another host than its own, to the command line, or to the tests.
 * @param inputs from the project's folder.
 * @param entry name of the host's entry; files of `worker/hosts/` whose names start with it are allowed.
 * @param shared other allowed files of `worker/hosts/`.
 * @param adapters its own stores and limiters.
 */
export function foreignInputs(
  inputs: readonly string[],
  entry: string,
  shared: readonly string[],
  adapters: readonly string[],
): string[] {
  return inputs.filter((path) => {
    const inEntries = /^worker\/entries\/([\w-]+)/.exec(path)?.[1];
    if (inEntries !== undefined) return inEntries !== entry;
    const ofHost = /^worker\/hosts\/(event|cloudflare)\/([\w-]+)/.exec(path);
    if (ofHost !== null) {
      const [, folder, file] = ofHost;
      return folder !== entry && !file!.startsWith(entry) && !shared.includes(file!);
    }
    if (path.startsWith("worker/ec/browser/")) return entry !== "browser";
    const adapter = /^runtime\/(?:stores|limiters)\/([\w-]+)/.exec(path)?.[1];
    if (adapter !== undefined) return !SHARED.includes(adapter) && !adapters.includes(adapter);
    return PROCESS.test(path) || !(OWN.test(path) || LIBRARIES.test(path));
  });
}
