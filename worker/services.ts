/**
 * The services that a millrace process can run. A new service needs one line here.
 * @module
 */
import { edgeCookieService } from "./ec/edge-cookie-service.ts";
import { graspService } from "./grasp/grasp-service.ts";
import type { ServiceModule } from "./service.ts";

export const services: readonly ServiceModule[] = [edgeCookieService, graspService];
