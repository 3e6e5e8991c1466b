/**
 * The pages that people read.
 * @module
 */
export { landingPage, notHosted } from "./landing.ts";
export { repositoryPage } from "./repository.ts";
