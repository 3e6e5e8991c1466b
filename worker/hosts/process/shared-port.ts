/**
 * One listening socket that several processes accept from, on runtimes that can hand it on (Node, Deno).
 * @module
 */
import type { AddressInfo } from "node:net";
import process from "node:process";
import type { Listen, WorkerSupport } from "../server.ts";

/** Loaded on first use: on Deno it doubles the time to a handler's first response. */
const net = () => process.getBuiltinModule("node:net");

/** What both runtimes have beside the documented functions: a socket that is bound and does not accept. */
interface BoundSockets {
  _createServerHandle?(
    address: string,
    port: number,
    family: 4 | 6,
    fd: number,
    flags: number,
  ): Handle | number;
}

interface Handle {
  close(): void;
}

/**
 * The parent binds the socket, and every worker listens on it. A worker that ends closes its copy: connections that wait in the
 * queue are accepted by another one.
 */
export const sharedSockets: WorkerSupport = {
  fault: () =>
    (net() as BoundSockets)._createServerHandle === undefined
      ? "this version of the runtime cannot share a listening socket"
      : null,
  replaceFault: () => null,
  bind(address, family) {
    const handle = (net() as BoundSockets)._createServerHandle!(address.host, address.port, family, -1, 0);
    if (typeof handle === "number") throw new Error(`the address cannot be bound (${handle})`);
    return handle;
  },
};

/** The address that a host name leads to, with a free port if the given one is 0. @throws what listening throws. */
export function resolveListen(listen: Listen): Promise<{ address: Listen; family: 4 | 6 }> {
  return new Promise((resolve, reject) => {
    const server = net().createServer();
    server.once("error", reject);
    server.listen(listen.port, listen.host, () => {
      const { address, port, family } = server.address() as AddressInfo;
      server.close(() => resolve({ address: { host: address, port }, family: family === "IPv6" ? 6 : 4 }));
    });
  });
}
