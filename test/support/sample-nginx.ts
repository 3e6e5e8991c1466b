/**
 * nginx with TLS and a sample of the docs.
 * @module
 */
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { nginx } from "./programs.ts";
import { startProgram } from "./start-program.ts";

/**
 * Starts nginx and waits until it accepts connections.
 * @param folder for all that it writes
 * @param port on loopback at which the sample listens with TLS
 * @param sample what is inside `http { … }`
 * @returns ends it
 */
export async function startSampleNginx(
  folder: string,
  port: number,
  sample: string,
): Promise<() => Promise<unknown>> {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join(" ");
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log; events {}
http { access_log off; ${temporary}\n${sample}\n}`,
  );
  const program = await startProgram({
    command: nginx.find()!,
    args: ["-p", folder, "-c", join(folder, "nginx.conf")],
    ready: () => isOpen(port),
  });
  return () => program.stop();
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false });
  try {
    await once(socket, "secureConnect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
