/** The panel of GRASP: purgatory, Git, domains, relays, repositories and events. */
import { formatBytes } from "../../../admin/page/numbers.ts";
import type { Panel } from "../../../admin/page/panel.ts";
import { figuresOf } from "../figures.ts";
import type { GraspStatus } from "../status.ts";
import { drawEvents } from "./events.ts";
import { drawGit } from "./git.ts";
import { drawPurgatory } from "./purgatory.ts";
import { drawRelays } from "./relays.ts";
import { drawRepositories } from "./repositories.ts";
import { drawSync } from "./sync.ts";
import { drawTiles } from "./tiles.ts";

const panel: Panel<GraspStatus> = {
  start() {},
  signedIn() {},
  signedOut() {},
  figuresOf,
  titleOf: ({ domain }) => domain,
  factsOf: ({ build, repositories }) =>
    `millrace ${build.version}${build.commit === "" ? "" : ` (${build.commit})`} on ${build.runtime}, ` +
    `Git ${build.git}, ${formatBytes(repositories.bytes)} of repositories`,
  draw(view) {
    drawTiles(view);
    drawPurgatory(view);
    drawGit(view);
    drawSync(view.status);
    drawRelays(view.status);
    drawRepositories(view.status);
    drawEvents(view);
  },
};

export default panel;
