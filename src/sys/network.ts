/** The addresses of this host. */
import { networkInterfaces } from "node:os";

export { isIPv4, isIPv6 } from "node:net";

/** Addresses that are not loopback or link-local, in the order of the interfaces. */
export function hostAddresses(): string[] {
  return addressesOf(() => true);
}

/** The same without those that container networks give themselves: where others reach this host. */
export function reachableAddresses(): string[] {
  return addressesOf((name) => !/^(?:cni|flannel|veth|docker|cali|kube-|br-)/.test(name));
}

export function hostInterfaces(): string[] {
  return Object.keys(networkInterfaces());
}

function addressesOf(wanted: (name: string) => boolean): string[] {
  return Object.entries(networkInterfaces())
    .filter(([name]) => wanted(name))
    .flatMap(([, addresses]) => addresses ?? [])
    .filter((address) => !/^(127\.|::1$|fe80:|169\.254\.)/.test(address.address))
    .map((address) => address.address);
}
