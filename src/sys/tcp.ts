/** Whether something answers at an address: TCP, and whose certificate it shows. */
import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls } from "node:tls";

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
  const { timeout, signal } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connectTcp({ host: place.address, port: place.port });
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason));
    const timer = setTimeout(() => end(() => resolve(false)), timeout);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("connect", () => end(() => resolve(true)));
    socket.on("error", () => end(() => resolve(false)));
  });
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
  const { timeout, signal, authority } = options;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const socket = connectTls({
      host: place.address,
      port: place.port,
      // Checked below, by hand: with it comes a check of the name, which another server of the cluster need not pass.
      rejectUnauthorized: false,
      ...(isIP(place.address) === 0 ? { servername: place.address } : {}),
    });
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      settle();
    };
    const onAbort = (): void => end(() => reject(signal.reason));
    const timer = setTimeout(() => end(() => resolve(false)), timeout);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.once("secureConnect", () => {
      const shown: unknown = socket.getPeerCertificate(true).raw;
      const issued = shown instanceof Uint8Array && isIssuedBy(shown, authority);
      end(() => resolve(issued));
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
