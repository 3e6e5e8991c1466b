/**
 * nginx in front of a server, configured as the operator guide has it.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nginx as program } from "./programs.ts";

/** A running nginx. */
export interface Nginx {
  /** Where it listens: a socket in the file system, so that no port can be taken. */
  socketPath: string;
  stop(): Promise<void>;
}

/** How long nginx may take to listen, in looks of 20 ms each. */
const START_LOOKS = 500;

/**
 * Starts nginx in front of a server.
 * @param target `HOST:PORT` of the server behind
 */
export async function startNginx(target: string): Promise<Nginx> {
  const path = program.find();
  if (path === null) throw new Error(`${program.package} is not installed`);
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
  const child = spawn(path, ["-p", folder, "-c", join(folder, "nginx.conf")], { stdio: "ignore" });
  const ended = once(child, "exit");
  for (let look = 0; look < START_LOOKS && !existsSync(socketPath); look++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    socketPath,
    async stop() {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await ended;
      clearTimeout(timer);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
