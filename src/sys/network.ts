/** The addresses of this host. */
import { networkInterfaces } from "node:os";

/** Addresses that are not loopback or link-local, in the order of the interfaces. */
export function hostAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => !/^(127\.|::1$|fe80:|169\.254\.)/.test(address.address))
    .map((address) => address.address);
}
