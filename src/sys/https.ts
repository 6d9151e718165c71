/** One HTTPS request to a server whose authority is known, or is being asked for. */
import { request } from "node:https";

export interface HttpsAnswer {
  readonly status: number;
  readonly body: string;
}

export interface HttpsOptions {
  /** PEM of the only authority trusted; undefined trusts whoever answers, so send nothing secret then. */
  readonly authority: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds for the whole exchange. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

const LARGEST_ANSWER = 4 * 1024 * 1024;

/**
 * GET. With an authority the name in the certificate counts too, as it does for
 * K3s when it joins by this URL. Rejects with the system's or TLS's error, a
 * TimeoutError, or the signal's reason.
 */
export function httpsGet(url: string, options: HttpsOptions): Promise<HttpsAnswer> {
  const late = AbortSignal.timeout(options.timeout);
  const signal = AbortSignal.any([options.signal, late]);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(signal.aborted ? signal.reason : error);
    const asked = request(
      url,
      {
        ...(options.authority === undefined ? {} : { ca: options.authority }),
        rejectUnauthorized: options.authority !== undefined,
        headers: { ...options.headers },
        signal,
        agent: false,
      },
      (response) => {
        let body = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => {
          body += piece;
          if (body.length > LARGEST_ANSWER) asked.destroy(new Error("the answer is too large"));
        });
        response.on("error", fail);
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
      },
    );
    asked.on("error", fail);
    asked.end();
  });
}
