/** Peers to talk to: listeners on this host, certificates of real authorities, and etcd's members. */
import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import type { AddressInfo, Server, Socket } from "node:net";

/** Runs `action` while `server` listens on a free port of this host, and closes the server after it. */
export async function listening<T>(
  server: Server,
  action: (port: number) => Promise<T>,
): Promise<T> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as AddressInfo; // eslint-disable-line typescript/no-unsafe-type-assertion -- TCP
  try {
    return await action(address.port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A CA and a certificate of it, made by openssl. */
export function certificates(folder: string): { ca: string; cert: string; key: string } {
  const run = (...args: string[]): unknown =>
    execFileSync("openssl", args, { cwd: folder, stdio: "ignore" });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  run(
    "req",
    "-x509",
    ...curve,
    "-keyout",
    "ca.key",
    "-out",
    "ca.crt",
    "-subj",
    "/CN=ca",
    "-days",
    "2",
  );
  run("req", ...curve, "-keyout", "s.key", "-out", "s.csr", "-subj", "/CN=server");
  run(
    "x509",
    "-req",
    "-in",
    "s.csr",
    "-CA",
    "ca.crt",
    "-CAkey",
    "ca.key",
    "-CAcreateserial",
    "-out",
    "s.crt",
    "-days",
    "2",
  );
  const read = (name: string): string => readFileSync(`${folder}/${name}`, "utf8");
  return { ca: read("ca.crt"), cert: read("s.crt"), key: read("s.key") };
}
