/** The Edge Cookie's panel: traffic, sync, the look-up of an id, and partners. */
import type { Panel } from "../../../admin/page/panel.ts";
import { figuresOf } from "../figures.ts";
import type { Status } from "../status.ts";
import { clearLookup, startLookup } from "./identity.ts";
import { drawOverview } from "./overview.ts";
import { clearPartners, loadPartners, startPartners } from "./partners.ts";
import { drawStore } from "./store.ts";
import { drawSync } from "./sync.ts";

const panel: Panel<Status> = {
  start() {
    startLookup();
    startPartners();
  },
  signedIn() {
    void loadPartners();
  },
  signedOut() {
    clearLookup();
    clearPartners();
  },
  figuresOf,
  titleOf: ({ publisher }) => publisher,
  factsOf: ({ store, workers }) => `${workers > 1 ? `${workers} processes ` : ""}on the ${store} store`,
  draw(view) {
    drawOverview(view);
    drawSync(view.status);
    drawStore(view);
  },
};

export default panel;
