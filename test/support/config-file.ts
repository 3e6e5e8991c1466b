/**
 * Makes the content of a configuration file of the Edge Cookie's options.
 * @param options fields of the section `edgeCookie`, and the shared sections beside them.
 */
export function configFile(options: object): Record<string, unknown> {
  const { listen, client, operator, stop, log, ...edgeCookie } = options as Readonly<Record<string, unknown>>;
  const shared = Object.entries({ listen, client, operator, stop, log }).filter(
    ([, value]) => value !== undefined,
  );
  return { ...Object.fromEntries(shared), edgeCookie };
}
