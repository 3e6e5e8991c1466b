// The health check of a container: exits with 0 if HEALTH_URL answers 200.
const response = await fetch(process.env.HEALTH_URL, { signal: AbortSignal.timeout(4000) }).catch(() => null);
process.exitCode = response?.status === 200 ? 0 : 1;
