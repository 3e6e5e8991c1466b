/**
 * A browser for tests, driven by playwright-core.
 * @module
 */
import { type Browser, chromium as driver } from "playwright-core";
import { chromium } from "./programs.ts";

/** Why the tests in a browser are left out; `undefined` if Chromium is installed. */
export const noChromium: string | undefined =
  chromium.find() === null
    ? `left out: no Chromium on this machine; it is for ${chromium.usedFor}`
    : undefined;

/** Starts a headless Chromium that reaches loopback only. The caller closes it. */
export async function launchChromium(): Promise<Browser> {
  const executablePath = chromium.find();
  if (executablePath === null) throw new Error(noChromium);
  return driver.launch({
    executablePath,
    timeout: 30_000,
    args: [
      // Chromium has no sandbox for root.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      // /dev/shm of a container is too small for a browser.
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-domain-reliability",
      "--disable-sync",
      "--no-first-run",
      "--no-pings",
      // All names except loopback ones fail without a look-up.
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1",
    ],
  });
}
