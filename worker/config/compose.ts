/**
 * The configuration: the shared sections, and one section for each service. A service runs if its section is there.
 * Knows no host and no service: files are read by a function, and services bring their sections.
 * @module
 */
import * as v from "valibot";
import { describeFault, type Fault, faultsOf, fields } from "../../runtime/lib/schema.ts";
import { type Environment, overrideByEnvironment } from "./environment.ts";
import { type ReadFile, resolveSecrets } from "./secrets.ts";
import { type SharedConfig, sharedEntries } from "./shared.ts";

/** Whether browsers keep no cookies for a domain, because it is a public suffix. */
export type IsPublicSuffix = (domain: string) => boolean;

/** One service's section of the configuration. */
export interface ConfigSection<Section> {
  /** The section's name, for example `edgeCookie`. */
  readonly name: string;
  /**
   * The section's schema.
   * @param given the section as it was written, for rules that depend on another field.
   * @param isPublicSuffix always `false` where the list of public suffixes is not loaded.
   */
  schema(given: unknown, isPublicSuffix: IsPublicSuffix): v.GenericSchema<unknown, Section>;
  /**
   * Faults that no schema can find. Reads the section as it was written, so that other faults do not hide these.
   * @param isServed whether a server of ours will run with it.
   */
  faults?(given: unknown, isServed: boolean): Fault[];
}

/** A configuration as a person writes it. */
export type ComposedInput = Readonly<Record<string, unknown>>;

/** A valid configuration with its defaults. */
export interface ComposedConfig {
  readonly shared: SharedConfig;
  /** A service's section; `undefined`: the service does not run. */
  section<Section>(of: ConfigSection<Section>): Section | undefined;
}

/** Everything that is wrong with a configuration. Its message contains no secret. */
export class ConfigError extends Error {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    const count = faults.length === 1 ? "a fault" : `${faults.length} faults`;
    super(
      `the configuration has ${count}:\n${faults.map((fault) => `  ${describeFault(fault)}`).join("\n")}`,
    );
    this.name = "ConfigError";
    this.faults = faults;
  }
}

/** What a configuration is read with. */
export interface ConfigSources {
  /** Environment variables: `MILLRACE_…` overrides a field, and `{"env": "NAME"}` names any of them. */
  env: Environment;
  /** Reads what `{"file": "path"}` names. Left out where there are no files. */
  readFile?: ReadFile | undefined;
  /** Left out where the list of public suffixes is not loaded. */
  isPublicSuffix?: IsPublicSuffix | undefined;
  /** Whether a server of ours will run with it. Default: false. */
  isServed?: boolean;
}

/** A schema of the whole configuration. */
export function composedSchema(
  sections: readonly ConfigSection<unknown>[],
  given: unknown,
  isPublicSuffix: IsPublicSuffix = () => false,
) {
  const entries = sections.map(
    (section) =>
      [section.name, v.optional(section.schema(partOf(given, section.name), isPublicSuffix))] as const,
  );
  return fields({
    $schema: v.optional(v.string("the address of the JSON schema")),
    ...sharedEntries,
    ...Object.fromEntries(entries),
  });
}

/**
 * Reads a configuration.
 * @param sections those of all services.
 * @param input as parsed from JSON, or written in code.
 * @throws {ConfigError} naming every fault at once.
 */
export function composeConfig(
  sections: readonly ConfigSection<unknown>[],
  input: unknown,
  { env, readFile, isPublicSuffix, isServed = false }: ConfigSources,
): ComposedConfig {
  const overridden = overrideByEnvironment(input ?? {}, env, composedSchema(sections, {}, isPublicSuffix));
  const { value, faults: unresolved, fields: secret } = resolveSecrets(overridden.value, env, readFile);
  const schema = composedSchema(sections, value, isPublicSuffix);
  const parsed = v.safeParse(schema, value);
  const known = new Set(unresolved.map(({ field }) => field));
  const faults = [
    ...overridden.faults,
    ...unresolved,
    ...faultsOf(parsed.issues ?? [], schema, (field) => secret.has(field)).filter(
      ({ field }) => !known.has(field),
    ),
    ...sections.flatMap((section) => {
      const part = partOf(value, section.name);
      const found = part === undefined ? [] : (section.faults?.(part, isServed) ?? []);
      return found.map((fault) => ({ ...fault, field: `${section.name}.${fault.field}` }));
    }),
  ];
  if (!parsed.success || faults.length > 0) {
    throw new ConfigError(
      faults.map((fault) => {
        const variable = overridden.variables.get(fault.field);
        return variable === undefined ? fault : { ...fault, field: `${fault.field} (from ${variable})` };
      }),
    );
  }
  const { $schema: _, ...output } = parsed.output as SharedConfig & Record<string, unknown>;
  return {
    shared: output,
    section: <Section>({ name }: ConfigSection<Section>) => output[name] as Section | undefined,
  };
}

function partOf(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}
