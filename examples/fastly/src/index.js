import { serve } from "millrace/fastly";
import config from "./config.json";

serve(config, {
  // The site's own handler. Named backends go through Fastly's cache as usual.
  site: (request) => fetch(request, { backend: "origin" }),
});
