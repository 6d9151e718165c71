/** One DNS question (RFC 1035) to one server, over UDP or TCP: the system's resolver must not answer in its place. */
import { createSocket } from "node:dgram";
import { connect } from "node:net";

export interface DnsServer {
  readonly address: string;
  readonly port: number;
}

export interface DnsAnswer {
  /** `NOERROR`, `NXDOMAIN`, `SERVFAIL`, … or `RCODE 9`. */
  readonly status: string;
  /** IPv4 addresses. */
  readonly addresses: readonly string[];
}

export interface DnsOptions {
  readonly over: "udp" | "tcp";
  /** Milliseconds. */
  readonly timeout: number;
}

const STATUS = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
const TYPE_A = 1;

/** Asks for the IPv4 addresses of a name. Throws the system's error, a TimeoutError, or a plain Error for an answer that is none. */
export async function askDns(
  server: DnsServer,
  name: string,
  options: DnsOptions,
): Promise<DnsAnswer> {
  const id = Math.floor(Math.random() * 0x10000);
  const question = dnsQuestion(id, name);
  const answer = await (options.over === "udp" ? overUdp : overTcp)(server, question, options);
  return parseDnsAnswer(answer, id);
}

/** A query for the A records of `name`, recursion desired. */
export function dnsQuestion(id: number, name: string): Buffer {
  const head = Buffer.from([id >> 8, id & 0xff, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
  const labels = name
    .replace(/\.$/, "")
    .split(".")
    .map((label) => {
      const bytes = Buffer.from(label, "ascii");
      if (bytes.length === 0 || bytes.length > 63) throw new TypeError("not a DNS name");
      return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    });
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, TYPE_A, 0, 1])]);
}

/** Throws a plain Error for bytes that are no answer to the question `id`. */
export function parseDnsAnswer(bytes: Buffer, id: number): DnsAnswer {
  try {
    if (bytes.readUInt16BE(0) !== id || (bytes.readUInt8(2) & 0x80) === 0) throw new RangeError();
    const code = bytes.readUInt8(3) & 0x0f;
    const status = STATUS[code] ?? `RCODE ${code}`;
    let at = 12;
    for (let left = bytes.readUInt16BE(4); left > 0; left -= 1) at = afterName(bytes, at) + 4;
    const addresses: string[] = [];
    for (let left = bytes.readUInt16BE(6); left > 0; left -= 1) {
      at = afterName(bytes, at);
      const length = bytes.readUInt16BE(at + 8);
      if (bytes.readUInt16BE(at) === TYPE_A && length === 4) {
        addresses.push([0, 1, 2, 3].map((index) => bytes.readUInt8(at + 10 + index)).join("."));
      }
      at += 10 + length;
    }
    return { status, addresses };
  } catch (cause) {
    throw new Error("what came back is no answer to this DNS question", { cause });
  }
}

/** Names end with an empty label or with a pointer to an earlier one. */
function afterName(bytes: Buffer, start: number): number {
  let at = start;
  for (;;) {
    const length = bytes.readUInt8(at);
    if ((length & 0xc0) === 0xc0) return at + 2;
    at += 1 + length;
    if (length === 0) return at;
  }
}

function overUdp(server: DnsServer, question: Buffer, options: DnsOptions): Promise<Buffer> {
  return within(options.timeout, (settle, fail) => {
    const socket = createSocket(server.address.includes(":") ? "udp6" : "udp4");
    socket.once("error", fail);
    socket.once("message", settle);
    // Connected, so that only this server's answer counts and a closed port is told.
    socket.connect(server.port, server.address, () => {
      socket.send(question);
    });
    return () => socket.close();
  });
}

function overTcp(server: DnsServer, question: Buffer, options: DnsOptions): Promise<Buffer> {
  return within(options.timeout, (settle, fail) => {
    const length = Buffer.from([question.length >> 8, question.length & 0xff]);
    const socket = connect({ host: server.address, port: server.port });
    let seen: Buffer = Buffer.alloc(0);
    socket.once("error", fail);
    socket.once("connect", () => socket.write(Buffer.concat([length, question])));
    socket.once("end", () => fail(new Error("the connection was closed without an answer")));
    socket.on("data", (piece: Buffer) => {
      seen = Buffer.concat([seen, piece]);
      if (seen.length < 2) return;
      const wanted = 2 + seen.readUInt16BE(0);
      if (seen.length >= wanted) settle(seen.subarray(2, wanted));
    });
    return () => socket.destroy();
  });
}

type Start = (settle: (bytes: Buffer) => void, fail: (error: Error) => void) => () => unknown;

function within(timeout: number, start: Start): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let close: (() => unknown) | undefined;
    const end = (act: () => void): void => {
      clearTimeout(timer);
      close?.();
      close = undefined;
      act();
    };
    const timer = setTimeout(() => {
      end(() => reject(new DOMException("no answer in time", "TimeoutError")));
    }, timeout);
    close = start(
      (bytes) => end(() => resolve(bytes)),
      (error) => end(() => reject(error)),
    );
  });
}
