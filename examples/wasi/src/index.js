import { serve } from "millrace/wasi";

// Everything else comes from the environment; see README.md. The host tells nothing of who asks: name the headers in
// which your proxy does, and have it remove the client's own.
serve({
  client: { ipHeader: "x-real-ip", countryHeader: "x-country", regionHeader: "x-region" },
});
