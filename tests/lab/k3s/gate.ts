/**
 * Port 6443 as other machines see it: in K3s supervisor and API server answer on
 * one port with one certificate. The API server here is a program of its own
 * that ends its TLS itself, so who offers HTTP/2 (kubectl, helm: everything in
 * Go) is passed on to it untouched, and who does not gets the supervisor.
 */
import { readFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Socket } from "node:net";
import type { Settings } from "./settings.ts";
import type { Supervisor } from "./supervisor.ts";

const RECORD_HEADER = 5;
/** Handshake header, version and random of a ClientHello (RFC 8446 4.1.2). */
const HELLO_HEADER = 4 + 2 + 32;
const ALPN = 16;

/** Opens the port on the node's address. With an address of its own (`bind-address`) the API server has the port alone. */
export function openGate(settings: Settings, supervisor: Supervisor): void {
  const { nodeIp, apiPort, paths } = settings;
  if (settings.apiHost !== "127.0.0.1" || nodeIp === "127.0.0.1") return;
  const { port } = supervisor.serveTls({
    cert: readFileSync(`${paths.tls}/serving-kube-apiserver.crt`, "utf8"),
    key: readFileSync(`${paths.tls}/serving-kube-apiserver.key`, "utf8"),
  });
  createServer((socket) => {
    socket.on("error", () => socket.destroy());
    let hello = Buffer.alloc(0);
    const read = (piece: Buffer): void => {
      hello = Buffer.concat([hello, piece]);
      if (hello.length < RECORD_HEADER) return;
      if (hello.length < RECORD_HEADER + hello.readUInt16BE(3)) return;
      socket.off("data", read);
      socket.pause();
      join(socket, { port: offersHttp2(hello) ? apiPort : port, first: hello });
    };
    socket.on("data", read);
  }).listen(apiPort, nodeIp);
}

function join(socket: Socket, to: { readonly port: number; readonly first: Buffer }): void {
  const other = connect(to.port, "127.0.0.1", () => {
    other.write(to.first);
    socket.pipe(other);
    other.pipe(socket);
    socket.resume();
  });
  other.on("error", () => socket.destroy());
  other.on("close", () => socket.destroy());
  socket.on("close", () => other.destroy());
}

/** Whether `h2` is in the list of protocols: its three bytes may stand in the random ones of a key too. */
function offersHttp2(hello: Buffer): boolean {
  let at = RECORD_HEADER + HELLO_HEADER;
  at += 1 + hello.readUInt8(at); // session
  at += 2 + hello.readUInt16BE(at); // cipher suites
  at += 1 + hello.readUInt8(at); // compression
  const end = at + 2 + hello.readUInt16BE(at);
  for (at += 2; at + 4 <= end; at += 4 + hello.readUInt16BE(at + 2)) {
    if (hello.readUInt16BE(at) !== ALPN) continue;
    return hello.subarray(at + 4, at + 4 + hello.readUInt16BE(at + 2)).includes("\u0002h2");
  }
  return false;
}
