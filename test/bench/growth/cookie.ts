import type { Growth } from "./series.ts";
import { newVisitor, pageWith, requestWith } from "./visit.ts";

/** The length of the `Cookie` header, the id being its last pair. */
export const cookie: Growth = {
  name: "cookie",
  title: "A page, by the length of the cookie header",
  x: "bytes of the Cookie header",
  explanation: "Each byte is looked at once, to find where a cookie begins.",
  sizes: [100, 1000, 2000, 4000, 8000],
  async open(size) {
    const page = pageWith({});
    const own = await newVisitor(page);
    // Typical cookies have about forty bytes.
    let header = "";
    for (let i = 0; header.length < size - own.length; i++) header += `_site_cookie_${i}=${"v".repeat(24)}; `;
    header = header.slice(0, Math.max(0, size - own.length - 2));
    const all = header === "" ? own : `${header}; ${own}`;
    let requests: Request[] = [];
    return {
      "returning visitor": {
        name: `${size}`,
        // The host's work to make a request is not measured.
        prepare(times) {
          requests = Array.from({ length: times }, () => requestWith(all));
        },
        async run(times) {
          for (let i = 0; i < times; i++) await page(requests[i]!, undefined as never);
        },
      },
    };
  },
};
