// A stand-in for your site: its files, and one address that tells the client.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname } from "node:path";

const types = { ".html": "text/html; charset=utf-8", ".js": "text/javascript" };

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://site");
  if (pathname === "/client.json") {
    // Your server or the proxy in front of it knows the country.
    response.writeHead(200, { "content-type": "application/json", "cache-control": "private, max-age=600" });
    response.end(JSON.stringify({ ip: request.socket.remoteAddress, country: "JP", region: null }));
    return;
  }
  const file = pathname === "/" ? "/index.html" : pathname;
  try {
    const content = await readFile(new URL(`public${file}`, import.meta.url));
    response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
});

server.listen(process.env.PORT ?? 8788, "127.0.0.1", () =>
  console.log(`open http://www.example.localhost:${server.address().port}`),
);
