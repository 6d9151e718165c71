/** One HTTP/2 request on a connection of its own: what API servers and etcd speak to clients in Go. */
import { connect } from "node:http2";
import type { HttpAnswer, HttpRequest } from "./http.ts";

interface RawAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly trailers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

/** As `httpRequest`. */
export async function http2Request(url: string, request: HttpRequest): Promise<HttpAnswer> {
  const answer = await exchange(url, { ...request, body: Buffer.from(request.body ?? "") });
  const { status, headers } = answer;
  return { status, headers, body: new TextDecoder().decode(answer.body) };
}

/** A gRPC call that was answered with another status than 0. */
export class GrpcError extends Error {
  override readonly name = "GrpcError";
  readonly code: string;
  constructor(status: string) {
    super(`gRPC status ${status}`);
    this.code = `GRPC ${status}`;
  }
}

/**
 * One unary gRPC call (`https://host:port/package.Service/Method`), protobuf in
 * and out. Throws a GrpcError, the system's error or a TimeoutError.
 */
export async function grpcCall(
  url: string,
  request: Omit<HttpRequest, "method" | "headers" | "body"> & { readonly message: Uint8Array },
): Promise<Uint8Array> {
  // A message comes with a byte for "not compressed" and four for its length.
  const frame = new Uint8Array(5 + request.message.length);
  new DataView(frame.buffer).setUint32(1, request.message.length);
  frame.set(request.message, 5);
  const answer = await exchange(url, {
    ...request,
    method: "POST",
    headers: { "content-type": "application/grpc", te: "trailers" },
    body: frame,
  });
  // A call that fails at once has its status in the headers.
  const status = answer.trailers.get("grpc-status") ?? answer.headers.get("grpc-status");
  if (status !== "0") throw new GrpcError(status ?? `missing, HTTP ${answer.status}`);
  const { body } = answer;
  if (body.length < 5 || body[0] !== 0) throw new GrpcError("without a plain message");
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  return body.subarray(5, 5 + view.getUint32(1));
}

function exchange(
  url: string,
  request: Omit<HttpRequest, "body"> & { readonly body: Uint8Array },
): Promise<RawAnswer> {
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
    const fail = (error: Error): void => end(() => reject(error));
    const timer = setTimeout(
      () => fail(new DOMException("no answer in time", "TimeoutError")),
      request.timeout,
    );
    session.on("error", fail);
    session.on("close", () => fail(cutOff()));
    const stream = session.request({
      ":method": request.method ?? "GET",
      ":path": `${pathname}${search}`,
      ...request.headers,
    });
    let status = 0;
    let headers = new Map<string, string>();
    let trailers = new Map<string, string>();
    const pieces: Uint8Array[] = [];
    stream.on("response", (received) => {
      status = received[":status"] ?? 0;
      headers = textsOf(received);
    });
    stream.on("trailers", (received) => (trailers = textsOf(received)));
    stream.on("data", (piece: Uint8Array) => pieces.push(piece));
    stream.on("error", fail);
    // Trailers may come after the last of the body.
    stream.on("close", () => {
      const body = new Uint8Array(Buffer.concat(pieces));
      if (status === 0) fail(cutOff());
      else end(() => resolve({ status, headers, trailers, body }));
    });
    stream.end(request.body);
  });
}

/** A server that dies closes the connection without a word. */
function cutOff(): Error {
  return Object.assign(new Error("the connection ended without an answer"), { code: "ECONNRESET" });
}

function textsOf(received: object): Map<string, string> {
  return new Map(Object.entries(received).map(([name, value]) => [name, String(value)]));
}
