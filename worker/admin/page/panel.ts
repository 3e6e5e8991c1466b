/**
 * What a service adds to its operator's page. The build finds `worker/<service>/admin/page/panel.ts`, and `panel.html` and
 * `panel.css` beside it if they exist, and makes one page of each; no list names the panels.
 */

import type { Figures } from "../figures.ts";
import type { InstanceStatus } from "../status.ts";
import type { Sample } from "./history.ts";

/** What a panel draws. */
export interface View<Status extends InstanceStatus = InstanceStatus> {
  readonly status: Status;
  /** The answers of the last five minutes, oldest first. The last one belongs to `status`. */
  readonly samples: readonly Sample[];
  /** The time of the last sample, on the clock of the samples. */
  readonly nowMs: number;
  /** The period of the recent figures: "in the last 5 min" or "since 21:04". */
  readonly recent: string;
}

/** The panel of one service: the default export of its `panel.ts`. */
export interface Panel<Status extends InstanceStatus = InstanceStatus> {
  /** Adds listeners. Called once. */
  start(): void;
  /** Loads what is shown only to the operator. Called after each sign-in. */
  signedIn(): void;
  /** Removes everything that was shown. */
  signedOut(): void;
  /** The figures that the shell keeps for five minutes. */
  figuresOf(status: Status): Figures;
  /** The name shown in the header, for example the publisher's domain. */
  titleOf(status: Status): string;
  /** Facts for the line below the header, beside the name, the instance and its uptime. */
  factsOf(status: Status): string;
  draw(view: View<Status>): void;
}
