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
  /** Names of fields, at any depth, whose texts appear in no error and no log line. Default: none. */
  readonly secrets?: readonly string[];
  /** Names of fields with a URL that may contain a password. Errors show none of it; log lines lose the password. */
  readonly secretUrls?: readonly string[];
  /** Whether the schema asks for public suffixes. Default: it does not, and their list is not loaded for it. */
  readonly readsPublicSuffixes?: boolean;
  /**
   * The section's schema.
   * @param given the section as it was written, for rules that depend on another field.
   * @param isPublicSuffix always `false` where the list of public suffixes is not loaded.
   */
  schema(given: unknown, isPublicSuffix: IsPublicSuffix): v.GenericSchema<unknown, Section>;
  /**
   * Faults that no schema can find. Reads the section as it was written, so that other faults do not hide these.
   * @param isServed whether our own server will run with it.
   */
  faults?(given: unknown, isServed: boolean): Fault[];
}

/** A valid configuration with its defaults. */
export interface ComposedConfig {
  readonly shared: SharedConfig;
  /** A service's section; `undefined`: the service does not run. */
  section<Section>(of: ConfigSection<Section>): Section | undefined;
}

/** A configuration and everything that is wrong with it. */
export interface InspectedConfig {
  /** The shared sections; `undefined` if they have faults. */
  readonly shared: SharedConfig | undefined;
  /** The shared `listen`; `undefined` if it has faults. */
  readonly listen: SharedConfig["listen"] | undefined;
  /** The valid sections, by name. */
  readonly sections: ReadonlyMap<string, unknown>;
  /** The services' sections as they are given, valid or not, by name. Texts from elsewhere are read. */
  readonly given: ReadonlyMap<string, unknown>;
  readonly faults: readonly Fault[];
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
  /** Whether our own server will run with it. Default: false. */
  isServed?: boolean;
}

/** The schema of the whole configuration. */
export function composedSchema(sections: readonly ConfigSection<unknown>[]) {
  return schemaOf(Object.fromEntries(sections.map((each) => [each.name, each.schema({}, () => false)])));
}

function schemaOf(sections: Record<string, v.GenericSchema>) {
  const entries = Object.entries(sections).map(([name, schema]) => [name, v.optional(schema)] as const);
  return fields({
    $schema: v.optional(v.string("the address of the JSON schema")),
    ...sharedEntries,
    ...Object.fromEntries(entries),
  });
}

/**
 * Reads a configuration, and finds every fault at once.
 * @param sections those of all services.
 * @param input as parsed from JSON, or written in code.
 */
export function inspectConfig(
  sections: readonly ConfigSection<unknown>[],
  input: unknown,
  { env, readFile, isPublicSuffix = () => false, isServed = false }: ConfigSources,
): InspectedConfig {
  const overridden = overrideByEnvironment(input ?? {}, env, () => composedSchema(sections));
  const { value, faults: unresolved, fields: resolved } = resolveSecrets(overridden.value, env, readFile);
  const hidden = new Set(
    sections.flatMap(({ secrets = [], secretUrls = [] }) => [...secrets, ...secretUrls]),
  );
  const unresolvedFields = new Set(unresolved.map(({ field }) => field));
  const found: Fault[] = [];
  const valid = new Map<string, unknown>();

  /** Adds a schema's faults. Those of values that could not be resolved are known already. */
  function collect(schema: v.GenericSchema, issues: readonly v.BaseIssue<unknown>[] = [], within = ""): void {
    const isHidden = (field: string) =>
      resolved.has(joined(within, field)) || field.split(/[.[]/).some((name) => hidden.has(name));
    for (const fault of faultsOf(issues, schema, isHidden)) {
      const field = joined(within, fault.field);
      if (!unresolvedFields.has(field)) found.push({ ...fault, field });
    }
  }

  // Sections are parsed one by one, so that a fault in one does not hide those that only a valid section shows.
  const outlineSchema = schemaOf(Object.fromEntries(sections.map(({ name }) => [name, v.unknown()])));
  const outline = v.safeParse(outlineSchema, value);
  collect(outlineSchema, outline.issues);
  const listen = v.safeParse(sharedEntries.listen, partOf(value, "listen"));
  const given = sections.filter(({ name }) => partOf(value, name) !== undefined);
  for (const section of given) {
    const part = partOf(value, section.name);
    const schema = section.schema(part, isPublicSuffix);
    const parsed = v.safeParse(schema, part);
    collect(schema, parsed.issues, section.name);
    const more = section.faults?.(part, isServed) ?? [];
    found.push(...more.map((fault) => ({ ...fault, field: joined(section.name, fault.field) })));
    if (parsed.success && more.length === 0) valid.set(section.name, parsed.output);
  }
  return {
    listen: listen.success ? listen.output : undefined,
    shared: outline.success ? sharedOf(outline.output) : undefined,
    sections: valid,
    given: new Map(given.map(({ name }) => [name, partOf(value, name)])),
    faults: [...overridden.faults, ...unresolved, ...found].map((fault) => {
      const variable = overridden.variables.get(fault.field);
      return variable === undefined ? fault : { ...fault, field: `${fault.field} (from ${variable})` };
    }),
  };
}

/**
 * Reads a configuration.
 * @throws {ConfigError} naming every fault at once.
 */
export function composeConfig(
  sections: readonly ConfigSection<unknown>[],
  input: unknown,
  sources: ConfigSources,
): ComposedConfig {
  return composed(inspectConfig(sections, input, sources));
}

/** The configuration if it has no fault. @throws {ConfigError} naming every fault at once. */
export function composed({ shared, sections, faults }: InspectedConfig): ComposedConfig {
  if (shared === undefined || faults.length > 0) throw new ConfigError(faults);
  return { shared, section: <Section>({ name }: ConfigSection<Section>) => sections.get(name) as Section };
}

function sharedOf({ listen, client, operator, stop, log }: SharedConfig): SharedConfig {
  return { listen, client, operator, stop, log };
}

function partOf(value: unknown, name: string): unknown {
  return (value as Record<string, unknown> | null | undefined)?.[name];
}

function joined(section: string, field: string): string {
  return section === "" || field === "" ? section + field : `${section}.${field}`;
}
