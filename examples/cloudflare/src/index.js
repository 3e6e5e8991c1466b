import { Millrace, serve } from "millrace/cloudflare";
import config from "./config.json";

export { Millrace };

export default serve(config, {
  // The site behind the Worker, through Cloudflare's cache as usual.
  site: (request) => fetch(request),
});
