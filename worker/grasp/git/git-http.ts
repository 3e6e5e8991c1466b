/**
 * Git over smart HTTP (gitprotocol-http): which request is what.
 * @module
 */
import { contributorOf } from "../../../runtime/grasp/contributor.ts";
import type { Service } from "../../../runtime/grasp/git/advertisement.ts";
import { type Place, readPlace } from "../../../runtime/grasp/place.ts";
import { faultAnswer, gitError, textAnswer } from "./answers.ts";
import { BodyFault } from "./body.ts";
import type { Exchange } from "./exchange.ts";
import type { GitHttpParts, GitReadParts } from "./parts.ts";
import { receivePack } from "./receive.ts";
import type { DiskRepository } from "./repository.ts";
import { advertise, uploadPack } from "./upload.ts";

/**
 * Answers requests for repositories, given the path below the base path.
 * @returns `null` if the path is no repository's.
 */
export type GitHandler = (request: Request, path: string, exchange: Exchange) => Promise<Response | null>;

/** Answers requests of pushes: `info/refs` of `git-receive-pack`, and the push itself. */
interface PushAnswers {
  advertise(request: Request, place: Place, repository: DiskRepository): Promise<Response>;
  receive(request: Request, place: Place, repository: DiskRepository, exchange: Exchange): Promise<Response>;
}

/** Answers reads and pushes. */
export function gitHttp(parts: GitHttpParts): GitHandler {
  return gitHandler(parts, {
    advertise: (request, _, repository) => advertise(request, "git-receive-pack", repository, parts),
    receive: (request, place, repository, exchange) =>
      receivePack(request, place, repository, exchange, parts),
  });
}

/**
 * Answers reads, and refuses pushes in the place that the protocol has for it (G24).
 * @param refusal says where to push.
 */
export function gitReads(parts: GitReadParts, refusal: (place: Place) => string): GitHandler {
  return gitHandler(parts, {
    advertise: async (_, place) => gitError("receive-pack-advertisement", refusal(place)),
    receive: async (_, place) => gitError("receive-pack-result", refusal(place)),
  });
}

function gitHandler(parts: GitReadParts, pushes: PushAnswers): GitHandler {
  return async (request, pathname, exchange) => {
    const place = readPlace(pathname);
    if (place === null) return null;
    const repository = repositoryAt(place, parts);
    if (repository === null) return textAnswer(404, "there is no such repository");
    try {
      return await answer(request, place, repository, exchange, parts, pushes);
    } catch (error) {
      if (exchange.gone.aborted) return textAnswer(400, "the client is gone");
      const told = faultAnswer(error);
      if (told !== null) return told;
      parts.log.error("a Git request failed", { error });
      return textAnswer(500, "the request failed; try again");
    }
  };
}

/** The repository of a path; `null`: there is none, or it is not served. */
function repositoryAt(
  { owner, identifier }: Place,
  { grasp, repositories, unborn }: GitReadParts,
): DiskRepository | null {
  if (contributorOf(owner) !== null) return unborn && (repositories.open(owner, identifier) ?? unborn);
  const listed = grasp.known.announcements(identifier).get(owner)?.status;
  return listed === undefined || listed === "soft_expired" ? null : repositories.open(owner, identifier);
}

async function answer(
  request: Request,
  place: Place,
  repository: DiskRepository,
  exchange: Exchange,
  parts: GitReadParts,
  pushes: PushAnswers,
): Promise<Response> {
  const { method } = request;
  if (place.rest === "info/refs" && (method === "GET" || method === "HEAD")) {
    const service = new URL(request.url).searchParams.get("service");
    if (service === "git-upload-pack") return advertise(request, service, repository, parts);
    if (service === "git-receive-pack") return pushes.advertise(request, place, repository);
  }
  if (method === "POST" && place.rest === "git-upload-pack") {
    mustHaveType(request, "git-upload-pack");
    return uploadPack(request, place.identifier, repository, exchange, parts);
  }
  if (method === "POST" && place.rest === "git-receive-pack") {
    mustHaveType(request, "git-receive-pack");
    return pushes.receive(request, place, repository, exchange);
  }
  return textAnswer(404, "there is no such path");
}

/** A page of a browser cannot send these types without asking first (T33). */
function mustHaveType(request: Request, service: Service): void {
  const type = request.headers.get("content-type");
  if (type !== `application/x-${service}-request`)
    throw new BodyFault(415, `send application/x-${service}-request`);
}
