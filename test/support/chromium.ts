/**
 * A browser for tests, driven by playwright-core.
 * @module
 */
import { type Browser, chromium as driver } from "playwright-core";
import { chromium } from "./programs.ts";

/** Why there is no browser to test in; `undefined` if there is one. */
export const noChromium: string | undefined =
  chromium.find() === null ? `there is no Chromium; it is for ${chromium.usedFor}` : undefined;

/** Starts a headless Chromium that reaches loopback only. The caller closes it. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = chromium.find();
  if (executablePath === null) throw new Error(noChromium);
  return driver.launch({
    executablePath,
    timeout: 30_000,
    args: [
      // Root has no user namespace to sandbox in.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      // A container's /dev/shm is too small for a browser.
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-domain-reliability",
      "--disable-sync",
      "--no-first-run",
      "--no-pings",
      // Every name but a loopback one fails at once, without a look-up.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
    ],
  });
}
