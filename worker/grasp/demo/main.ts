/**
 * The demonstration that `npm start` serves without a configuration: the life of a push, step by step.
 * @module
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { isLoopbackHost } from "../../../runtime/lib/addresses.ts";
import { createLog } from "../../../runtime/observe/log.ts";
import { composeConfig } from "../../config/compose.ts";
import type { Environment } from "../../config/environment.ts";
import type { Entry } from "../../hosts/server.ts";
import { StartError } from "../../serve/start-error.ts";
import type { Demonstration, ServiceModule } from "../../service.ts";
import { type GraspSection, graspSection } from "../config.ts";
import { gitVersion } from "../start/git-version.ts";
import { type OtherOptions, startOther as startOtherServer } from "./other-server.ts";
import { createRoutes } from "./routes.ts";
import { startServer } from "./server.ts";
import { SkippingClock } from "./skipping-clock.ts";
import { Stories } from "./stories.ts";

/** The configuration that the demonstration begins with. The server's name follows from its port. */
const DEFAULTS = { grasp: { domain: "127.0.0.1", name: "millrace, the demonstration", minFreeBytes: 0 } };

/**
 * Starts the demonstration, without the listener of its page. Everything that it writes is in a temporary folder, which is
 * deleted at the end.
 * @throws {ConfigError} if an environment variable is wrong; {StartError} if it would listen beyond loopback.
 */
export async function startDemo(
  service: ServiceModule<GraspSection>,
  given: Entry,
  env: Environment,
): Promise<Demonstration> {
  const composed = composeConfig([graspSection], DEFAULTS, { env });
  const section = composed.section(graspSection)!;
  if (!isLoopbackHost(section.listen.host)) {
    throw new StartError("the demonstration is for this machine only: leave grasp.listen.host at 127.0.0.1");
  }
  const clock = new SkippingClock(given.host.clock);
  const entry: Entry = { ...given, host: { ...given.host, clock } };
  const { host } = entry;
  const level = process.env.MILLRACE_LOG === undefined ? "error" : host.logLevel;
  const log = createLog({ level, write: host.writeLog, clock: host.clock });
  const folder = await mkdtemp(join(tmpdir(), "millrace-demo-"));
  const forget = () => rm(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    const fault = await gitFault();
    if (fault !== null) {
      log.error(fault);
      const routes = createRoutes({ fault });
      return demonstration({ section, log, routes, close: forget, note: `    ${fault}\n` });
    }
    const data = join(folder, "server");
    const server = await startServer(
      service,
      { entry, config: composed.shared, log },
      // The demonstration's other servers are on this machine, and speak http.
      {
        ...section,
        dataDirectory: data,
        allowInsecureServers: true,
        allowLoopbackServers: true,
        // What a visitor publishes may name any relay, and nothing here reaches beyond this machine.
        sync: { ...section.sync, enabled: false },
      },
    );
    const people = join(folder, "people");
    await mkdir(people);
    const startOther = (options: OtherOptions) => startOtherServer({ entry, log, clock }, options);
    const stories = new Stories({ server: server.url, clock, startOther }, people, host.random);
    return demonstration({
      section,
      log,
      routes: createRoutes(stories),
      close: async () => {
        await stories.close();
        await server.close();
        await forget();
      },
      note: stepsAt(server.url),
    });
  } catch (error) {
    await forget();
    throw error;
  }
}

/** What is wrong with the Git of this machine, for a person; `null`: nothing. */
async function gitFault(): Promise<string | null> {
  try {
    await gitVersion();
    return null;
  } catch (error) {
    if (error instanceof StartError) return `${error.message}. Install Git and start again.`;
    throw error;
  }
}

interface Parts {
  readonly section: GraspSection;
  readonly log: Demonstration["log"];
  readonly routes: ReturnType<typeof createRoutes>;
  /** What is printed below the address. */
  readonly note: string;
  close(): Promise<void>;
}

function demonstration({ section: { listen }, log, routes, note, close }: Parts): Demonstration {
  const { MILLRACE_GRASP_LISTEN_PORT: own, MILLRACE_LISTEN_PORT: shared } = process.env;
  return {
    // Who asks for any port for the process gets any port here.
    listen: own === undefined && shared === "0" ? { ...listen, port: 0 } : listen,
    anyPort: own === undefined,
    log,
    listening: (url) => process.stderr.write(`\n  The life of a push is at  ${url}\n${note}\n`),
    service: {
      handler: routes.answer,
      endStreams: routes.close,
      status: () => ({}),
      close,
    },
  };
}

/** What to try, for the terminal. */
function stepsAt(server: string): string {
  return `  A GRASP server, two people with Git, and a subscriber. Cause seven steps, and see where everything is:

    1  Announce a repository: the event waits.        2  State what it has: it waits, too, for the data.
    3  Push something else: refused, and why.         4  Push what was stated: served, and heard at once.
    5  Data first, its event later.                   6  Data that only another server has.
    7  Delete it.

  The server is at ${server}. Push a repository of your own to it:

    cd your/repository
    npm --prefix ${process.cwd()} run -s millrace -- grasp publish --server ${server} --create-key --push
`;
}
