/** Asks for a page, as the world does. */
import { httpRequest } from "../../sys/http.ts";
import type { Probe } from "./probe.ts";

export interface HttpProbeOptions {
  readonly url: string;
  readonly host: string | undefined;
  readonly status: number;
  readonly anyCertificate: boolean;
  readonly interval: number;
  readonly timeout: number;
}

/** An answer with another status, as an error of a probe. */
class WrongStatus extends Error {
  readonly code: string;
  constructor(status: number) {
    super("another status");
    this.code = `HTTP ${status}`;
  }
}

export function httpProbe(options: HttpProbeOptions): Probe {
  return {
    writes: false,
    holds: false,
    interval: options.interval,
    timeout: options.timeout,
    prepare: () => Promise.resolve(),
    open: () =>
      Promise.resolve({
        async attempt() {
          const answer = await httpRequest(options.url, {
            timeout: options.timeout,
            anyCertificate: options.anyCertificate,
            ...(options.host === undefined ? {} : { headers: { host: options.host } }),
          });
          if (answer.status !== options.status) throw new WrongStatus(answer.status);
        },
        [Symbol.asyncDispose]: () => Promise.resolve(),
      }),
    present: () => Promise.resolve(new Set()),
    clear: () => Promise.resolve(),
  };
}
