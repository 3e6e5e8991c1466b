/**
 * `millrace grasp publish`: announces the repository in the current folder to a GRASP server, and states what it has.
 * @module
 */
import type { Command } from "../../cli/command.ts";

export const publish: Command = {
  summary: "announce the Git repository in this folder to a GRASP server, and state what it has",
  details:
    "Sends two events, signed with your key: an announcement, and a state that names every branch and tag. Both wait\n" +
    "on the server until git push brings the data. Run it again before each push.",
  options: {
    server: { value: "URL", summary: "the server, such as https://git.example" },
    key: {
      value: "FILE",
      summary: "your secret key, nsec1… or 64 hex digits (default: ~/.config/millrace/nostr.key)",
    },
    "create-key": { summary: "make a new key in that file first" },
    identifier: { value: "NAME", summary: "the repository's name on the server (default: the folder's)" },
    maintainers: {
      value: "NPUBS",
      summary: "further keys that may state what the repository has, with commas between them",
    },
    force: { summary: "state it although commits of the server get lost by it" },
    push: { summary: "run git push as well" },
  },
  // Loaded where it is used: a server that starts needs no signatures.
  run: async (values) => (await import("./publish-repository.ts")).publishRepository(values),
};
