/** One HTTP request without redirects, pools or proxies: what a probe or a check sees is what is there. */

export interface HttpRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Milliseconds for all of it. */
  readonly timeout: number;
  /** PEM; given, the server must be of this authority. */
  readonly ca?: string;
  /** PEM client certificate and key. */
  readonly certificate?: string;
  readonly key?: string;
  /** Take any certificate: for a server that is reached by an address its certificate does not name. */
  readonly anyCertificate?: boolean;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Throws the system's error (`ECONNREFUSED`, …) or a TimeoutError; every status is an answer. */
export async function httpRequest(url: string, request: HttpRequest): Promise<HttpAnswer> {
  const tls = {
    ...(request.ca === undefined ? {} : { ca: request.ca }),
    ...(request.certificate === undefined ? {} : { cert: request.certificate }),
    ...(request.key === undefined ? {} : { key: request.key }),
    ...(request.anyCertificate === true ? { rejectUnauthorized: false } : {}),
  };
  const response = await fetch(url, {
    method: request.method ?? "GET",
    headers: { connection: "close", ...request.headers },
    ...(request.body === undefined ? {} : { body: request.body }),
    redirect: "manual",
    keepalive: false,
    proxy: "",
    signal: AbortSignal.timeout(request.timeout),
    tls,
  });
  return {
    status: response.status,
    headers: new Map(response.headers.entries()),
    body: await response.text(),
  };
}
