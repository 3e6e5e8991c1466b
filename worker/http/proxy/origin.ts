/**
 * The connections to the origin of a proxy: a pool of undici.
 * @module
 */
import type { Dispatcher } from "undici";
import buildConnector from "undici/lib/core/connect.js";
import Pool from "undici/lib/dispatcher/pool.js";
import { MAX_HEADER_BYTES, ORIGIN_CLOCKS } from "./clocks.ts";
import { dropsContinue, readsDespiteFailedWrites } from "./origin-socket.ts";

/** A pool of connections to one origin. */
export interface Origin {
  /** Scheme, host and port, for example `http://127.0.0.1:9000`. */
  readonly url: URL;
  /** Sends one request and passes the response to `handler`. */
  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): void;
  /** Closes every connection, including those in use. */
  destroy(): Promise<void>;
}

/**
 * Opens a pool. Each connection carries one request at a time. An idle connection is closed after 4 s, or earlier if the
 * origin's `Keep-Alive` says so. There are as many connections as concurrent requests.
 * @param origin scheme, host and port
 */
export function openOrigin(origin: string): Origin {
  const connector = buildConnector({
    timeout: ORIGIN_CLOCKS.connectMs,
    allowH2: false,
    autoSelectFamily: true,
  } as Parameters<typeof buildConnector>[0]);
  const pool = new Pool(origin, {
    connections: null,
    pipelining: 1,
    allowH2: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: ORIGIN_CLOCKS.idleMs,
    keepAliveMaxTimeout: ORIGIN_CLOCKS.idleMaxMs,
    // The exchange has these timeouts.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect(options, callback) {
      connector(options, (error, socket) => {
        if (error) return callback(error, null);
        readsDespiteFailedWrites(socket!);
        dropsContinue(socket!);
        callback(null, socket!);
      });
    },
  });
  return {
    url: new URL(origin),
    dispatch: (options, handler) => void pool.dispatch(options, handler),
    destroy: () => pool.destroy(),
  };
}
