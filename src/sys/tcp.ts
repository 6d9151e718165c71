/** Whether something answers at an address: TCP, and whose certificate it shows. */
import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";

export interface Place {
  /** Address or name, without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface ConnectOptions {
  /** Milliseconds until no answer counts as silence. */
  readonly timeout: number;
  readonly signal: AbortSignal;
}

/**
 * Whether a program listens there. Nothing follows from false: a machine that
 * refuses, one that is off and one behind a cut cable look the same (Bun 1.4.5
 * gives ECONNREFUSED for every failure). Rejects with the signal's reason when
 * it aborts.
 */
export function answers(place: Place, options: ConnectOptions): Promise<boolean> {
  const connect = (): Socket => connectTcp({ host: place.address, port: place.port });
  return ofConnection(connect, { ...options, event: "connect", judge: () => true });
}

/**
 * Whether what answers with TLS shows a certificate that this authority (PEM)
 * signed. False for everything else, no answer in time included. The name in the
 * certificate does not count: any server of the cluster is meant.
 */
export function showsCertificateOf(
  place: Place,
  options: ConnectOptions & { readonly authority: string },
): Promise<boolean> {
  const connect = (): TLSSocket =>
    connectTls({
      host: place.address,
      port: place.port,
      // Checked below, by hand: with it comes a check of the name, which another server of the cluster need not pass.
      rejectUnauthorized: false,
      ...(isIP(place.address) === 0 ? { servername: place.address } : {}),
    });
  const judge = (socket: TLSSocket): boolean => {
    const shown: unknown = socket.getPeerCertificate(true).raw;
    return shown instanceof Uint8Array && isIssuedBy(shown, options.authority);
  };
  return ofConnection(connect, { ...options, event: "secureConnect", judge });
}

/** What `judge` says of a connection once `event` comes; false without one in time. */
function ofConnection<S extends Socket>(
  connect: () => S,
  options: ConnectOptions & { readonly event: string; readonly judge: (socket: S) => boolean },
): Promise<boolean> {
  const { timeout, signal, event, judge } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connect();
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason));
    const timer = setTimeout(() => end(() => resolve(false)), timeout);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once(event, () => {
      const judged = judge(socket);
      end(() => resolve(judged));
    });
    socket.on("error", () => end(() => resolve(false)));
  });
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** By any of the authorities in a PEM bundle; dates do not count, a clock may be wrong. */
function isIssuedBy(certificate: Uint8Array, authority: string): boolean {
  const leaf = new X509Certificate(certificate);
  return (authority.match(CERTIFICATE) ?? []).some((pem) => {
    const issuer = new X509Certificate(pem);
    return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
  });
}
