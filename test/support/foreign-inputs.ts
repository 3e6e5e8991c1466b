/** What of `worker/` runs in a process only: the command line, its server, its proxy, the demonstration. */
const PROCESS =
  /^worker\/(demo|commands|cli|configured|proxy-node|public-lookup|serve|server|store-server)\b/;
const LIBRARIES = /^node_modules\/(hono|valibot|ipaddr\.js)\//;
const OWN = /^(runtime|worker|wasm)\//;

/**
 * The files of a bundle that belong to another host than its own, to the command line, or to the tests.
 * @param inputs from the project's folder.
 * @param entry the host's own; files whose names begin with it are its, too.
 * @param shared other entries that it may take from.
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
    if (inEntries !== undefined) return !inEntries.startsWith(entry) && !shared.includes(inEntries);
    const adapter = /^runtime\/(?:stores|limiters)\/([\w-]+)/.exec(path)?.[1];
    if (adapter !== undefined) return !adapters.includes(adapter);
    return PROCESS.test(path) || !(OWN.test(path) || LIBRARIES.test(path));
  });
}
