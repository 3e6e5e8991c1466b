import type { StartingSection } from "../service.ts";

/** GRASP's section of a new configuration file. */
export const startingSection: StartingSection = {
  edits: ["grasp.domain: the host under which others reach this relay and Git server"],
  text: () => `{
    // EDIT: the host under which others reach you, for example "git.example.com". Announcements must list it.
    "domain": "127.0.0.1:7334",
    "listen": { "host": "127.0.0.1", "port": 7334 },

    // Database, repositories and the relay's own key. One process at a time uses it.
    "dataDirectory": "./data/grasp",

    // What others read about you. operatorPubkey: your npub, or null.
    "name": "millrace",
    "description": "",
    "operatorPubkey": null,

    // allow.repositories: null hosts every repository that lists you.
    "deny": { "authors": [], "repositories": [] },
    "allow": { "repositories": null },
    "quota": { "repositoriesPerAuthor": 100 }
  }`,
};
