/** One HTTP/2 request to an API server: as kubectl and every other client in Go speak to it. */
import { connect } from "node:http2";
import type { HttpAnswer, HttpRequest } from "./http.ts";

/** As `httpRequest`, on a connection of its own. */
export function http2Request(url: string, request: HttpRequest): Promise<HttpAnswer> {
  const { origin, pathname, search } = new URL(url);
  return new Promise((resolve, reject) => {
    const session = connect(origin, {
      ...(request.ca === undefined ? {} : { ca: request.ca }),
      ...(request.certificate === undefined ? {} : { cert: request.certificate }),
      ...(request.key === undefined ? {} : { key: request.key }),
      ...(request.anyCertificate === true ? { rejectUnauthorized: false } : {}),
    });
    const end = (finish: () => void): void => {
      clearTimeout(timer);
      session.destroy();
      finish();
    };
    const timer = setTimeout(
      () => end(() => reject(new DOMException("no answer in time", "TimeoutError"))),
      request.timeout,
    );
    session.on("error", (error: Error) => end(() => reject(error)));
    const stream = session.request({
      ":method": request.method ?? "GET",
      ":path": `${pathname}${search}`,
      ...request.headers,
    });
    let status = 0;
    let headers = new Map<string, string>();
    const pieces: Uint8Array[] = [];
    stream.on("response", (received) => {
      status = received[":status"] ?? 0;
      headers = new Map(Object.entries(received).map(([name, value]) => [name, String(value)]));
    });
    stream.on("data", (piece: Uint8Array) => pieces.push(piece));
    stream.on("error", (error: Error) => end(() => reject(error)));
    stream.on("end", () => {
      const body = new TextDecoder().decode(Buffer.concat(pieces));
      end(() => resolve({ status, headers, body }));
    });
    stream.end(request.body);
  });
}
