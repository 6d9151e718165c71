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

/** As in a ClientHello's list of protocols: length, name. */
const HTTP2 = Buffer.from("\u0002h2");
const RECORD_HEADER = 5;

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
      join(socket, { port: hello.includes(HTTP2) ? apiPort : port, first: hello });
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
