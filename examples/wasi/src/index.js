import { serve } from "millrace/wasi";

// Everything else comes from the environment; see README.md. The host does not tell the client's address: name the headers
// in which your proxy sends it, and have the proxy remove the same headers of clients.
serve({
  client: {
    ipHeader: "x-real-ip",
    countryHeader: "x-country",
    regionHeader: "x-region",
    protocolHeader: "x-forwarded-proto",
  },
});
