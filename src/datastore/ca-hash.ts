/** The hash of the server CA in a `K10…` token: pkg/clientaccess/token.go, hashCA(). */
import { createHash, X509Certificate } from "node:crypto";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The 64 hex digits after `K10`. For a file with one certificate (K3s's own CA) it
 * is the SHA-256 of the file's bytes as they are, line ends and all; for a bundle
 * (custom CA) that of the DER of the root above the first certificate, or of the
 * file's bytes when the bundle does not hold that root. Unlike K3s it does not look
 * at the clock: K3s takes the bytes of a bundle whose certificates have expired.
 * Throws a TypeError when there is no certificate in it.
 */
export function caHash(pem: Uint8Array | string): string {
  const text = typeof pem === "string" ? pem : new TextDecoder().decode(pem);
  const certificates = (text.match(CERTIFICATE) ?? []).map((block) => new X509Certificate(block));
  const [first, ...others] = certificates;
  if (first === undefined) throw new TypeError("there is no certificate in the CA file");
  const root = others.length === 0 ? undefined : rootAbove(first, others);
  return createHash("sha256")
    .update(root?.raw ?? pem)
    .digest("hex");
}

function rootAbove(
  first: X509Certificate,
  others: readonly X509Certificate[],
): X509Certificate | undefined {
  const roots = others.filter((certificate) => certificate.subject === certificate.issuer);
  const known = roots.find(({ raw }) => raw.equals(first.raw));
  if (known !== undefined) return known;
  let current = first;
  // Each step goes up one certificate, so a ring of them cannot go on for ever.
  for (let step = 0; step < others.length; step += 1) {
    const root = roots.find((certificate) => issued(certificate, current));
    if (root !== undefined) return root;
    const next = others.find((certificate) => issued(certificate, current));
    if (next === undefined) return undefined;
    current = next;
  }
  return undefined;
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.issuer === issuer.subject && certificate.verify(issuer.publicKey);
}
