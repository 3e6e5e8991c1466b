import type { StartingSection } from "../service.ts";

/** The Edge Cookie's section of a new configuration file. */
export const startingSection: StartingSection = {
  edits: ["edgeCookie.publisher.origin: the address of your site's own server"],
  text: (secret) => `{
    "publisher": {
      // The site's domain, for which the cookie is set. millrace.localhost works on this machine only.
      "domain": "millrace.localhost",
      // EDIT: the address of your site's own server, for example "http://127.0.0.1:9000".
      "origin": null
    },

    // The newest first. Keep them secret and keep old ones: identities depend on them.
    "passphrases": ["${secret}"],

    // Or "redis://HOST:6379" for several processes, "memory:" for trying things out.
    "store": "sqlite:./data/millrace.db",

    "consent": {
      // Without a country no identity is created. In production, remove this line and set client.countryHeader.
      "assumeCountry": "JP"
    },

    // Partners to exchange identities with.
    "partners": []
  }`,
};
