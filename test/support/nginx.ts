/**
 * nginx in front of a server, with the configuration of the operator guide.
 * @module
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nginx as program } from "./programs.ts";
import { startProgram } from "./start-program.ts";

/** A running nginx. */
export interface Nginx {
  /** It listens on a Unix socket: no other process can take it. */
  socketPath: string;
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;
const STOP_TIMEOUT_MS = 5000;

/**
 * Starts nginx in front of a server.
 * @param target `HOST:PORT` of the server
 */
export async function startNginx(target: string): Promise<Nginx> {
  const path = program.find();
  if (path === null) throw new Error(`Cannot start nginx: ${program.package} is not installed`);
  const folder = mkdtempSync(join(tmpdir(), "millrace-nginx-"));
  const socketPath = join(folder, "front.sock");
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(" ");
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 4096; }
http {
  access_log off; ${temporary}
  map $http_upgrade $connection_upgrade { default upgrade; "" ""; }
  upstream millrace { server ${target}; keepalive 8; }
  server {
    listen unix:${socketPath};
    client_max_body_size 0;
    location / {
      proxy_pass http://millrace;
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_buffering off;
      proxy_read_timeout 600s;
      proxy_set_header Host $host;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
    }
  }
}
`,
  );
  const server = await startProgram({
    command: path,
    args: ["-p", folder, "-c", join(folder, "nginx.conf")],
    ready: () => existsSync(socketPath),
    startTimeoutMs: START_TIMEOUT_MS,
    stopTimeoutMs: STOP_TIMEOUT_MS,
  });
  return {
    socketPath,
    async stop() {
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
