/** What in the configuration of an archive names the old host and will not fit this one. */
import { isIPv4, isIPv6 } from "../sys/network.ts";
import { mentions, sameAddress } from "../k3s/addresses.ts";
import { addressSettings } from "../k3s/address-settings.ts";
import type { AddressSetting, SettingsFileKind } from "../k3s/address-settings.ts";

/** A file K3s will read, with the text it will have. */
export interface SettingsFile {
  readonly path: string;
  readonly kind: SettingsFileKind;
  readonly text: string;
  /** It comes out of the archive, so an edit can be made on the way. */
  readonly restored: boolean;
}

export interface HostFacts {
  readonly hostname: string;
  readonly addresses: readonly string[];
}

export interface ThisHost extends HostFacts {
  /** Of `addresses`, those under which others reach it, likeliest first. */
  readonly reachable: readonly string[];
  readonly interfaces: readonly string[];
}

export interface Finding {
  readonly file: string;
  readonly key: string;
  readonly value: string;
  readonly why: string;
  /** K3s cannot start with it, or nobody can use the cluster. */
  readonly blocks: boolean;
  /** What to exchange; `to` is absent when this host offers nothing to take instead. */
  readonly from: string;
  readonly to: string | undefined;
  /** Whether `--edit-address` reaches it. */
  readonly restored: boolean;
}

/** Addresses of the old host that this one does not have. */
export function lostAddresses(old: HostFacts, now: HostFacts): string[] {
  return old.addresses.filter((one) => !now.addresses.some((other) => sameAddress(one, other)));
}

/** Every setting that does not fit, in the order of files and lines. */
export function findMisfits(
  files: readonly SettingsFile[],
  hosts: { readonly old: HostFacts; readonly now: ThisHost },
): Finding[] {
  return files.flatMap((file) =>
    addressSettings(file.text, file.kind).flatMap((setting) => {
      const misfit = misfitOf(setting, hosts);
      if (misfit === undefined) return [];
      const { key, value } = setting;
      return [{ file: file.path, key, value, restored: file.restored, ...misfit }];
    }),
  );
}

type Misfit = Pick<Finding, "why" | "blocks" | "from" | "to">;
type Hosts = Parameters<typeof findMisfits>[1];

function misfitOf(setting: AddressSetting, { old, now }: Hosts): Misfit | undefined {
  if (setting.key === "flannel-iface") return missingInterface(setting.value, now);
  for (const from of lostAddresses(old, now)) {
    if (!mentions(setting.value, from)) continue;
    const to = replacementFor(from, { old, now });
    return { from, to, ...consequence(setting) };
  }
  const name = oldName(setting, { old, now });
  if (name !== undefined) return name;
  return foreignAddress(setting, { old, now });
}

function missingInterface(value: string, now: ThisHost): Misfit | undefined {
  if (now.interfaces.includes(value)) return undefined;
  return {
    from: value,
    to: now.interfaces.find((name) => !/^(?:lo|cni|flannel|veth|docker|cali|kube-|br-)/.test(name)),
    why: "is no network interface of this host, and K3s cannot start with it",
    blocks: true,
  };
}

/** An argument of a component, as `listen-metrics-urls`, counts under its own name. */
function consequence({ key, value }: AddressSetting): Pick<Finding, "why" | "blocks"> {
  const name = key.endsWith("-arg") ? (/^([\w-]+)=/.exec(value)?.[1] ?? "") : key;
  if (/^(?:listen-.*|bind-address|node-ip|address)$/.test(name)) {
    return { why: "is no address of this host, and K3s cannot start with it", blocks: true };
  }
  if (/^(?:advertise-address|advertise-.*-urls)$/.test(name)) {
    return {
      why: "is no address of this host: the cluster would send its own there",
      blocks: true,
    };
  }
  const why: Readonly<Record<string, string>> = {
    server: "names the old host's address: joining there leads nowhere",
    K3S_URL: "names the old host's address: joining there leads nowhere",
    "node-external-ip": "names the old host's address: the node would be announced there",
    "tls-san": "names the old host's address, and the certificate would not have the new one",
  };
  return { why: why[name] ?? "names the old host's address", blocks: false };
}

/** `tls-san: s1` or `server: https://s1.example:6443` on a host that is now called otherwise. */
function oldName({ key, value }: AddressSetting, { old, now }: Hosts): Misfit | undefined {
  if (old.hostname === now.hostname || !["tls-san", "server", "K3S_URL"].includes(key)) return;
  for (const word of value.replace(/^\w+:\/\//, "").split(",")) {
    const name = word.replace(/[:/].*$/, "");
    const isOld = name === old.hostname || name.startsWith(`${old.hostname}.`);
    if (!isOld) continue;
    return {
      from: name,
      to: now.hostname + name.slice(old.hostname.length),
      why: "is the old host's name: right only if that name now leads here",
      blocks: false,
    };
  }
  return undefined;
}

/** Neither this host's nor, as far as the archive knows, the old one's: perhaps one that comes up later. */
function foreignAddress({ key, value }: AddressSetting, { old, now }: Hosts): Misfit | undefined {
  if (key !== "node-ip" && key !== "bind-address") return undefined;
  const known = [...old.addresses, ...now.addresses];
  const foreign = value
    .split(",")
    .map((word) => word.trim())
    .filter((word) => isIPv4(word) || isIPv6(word))
    .find((word) => !isAnywhere(word) && !known.some((one) => sameAddress(one, word)));
  if (foreign === undefined) return undefined;
  return {
    from: foreign,
    to: replacementFor(foreign, { old, now }),
    why: "is no address of this host now, nor was it the old one's when the backup was made",
    blocks: false,
  };
}

function isAnywhere(address: string): boolean {
  return /^(?:0\.0\.0\.0|127\..*|::|::1)$/.test(address);
}

/** Of the same family, and new: an address both hosts have is not the one that took the old one's place. */
function replacementFor(lost: string, { old, now }: Hosts): string | undefined {
  const family = isIPv6(lost) ? isIPv6 : isIPv4;
  const candidates = now.reachable.filter((address) => family(address));
  const fresh = candidates.find((one) => !old.addresses.some((other) => sameAddress(one, other)));
  return fresh ?? candidates[0];
}

/** Lines of other files that name a lost address: nobody edits them, but someone has to look. */
export function otherMentions(
  files: readonly { readonly path: string; readonly text: string }[],
  lost: readonly string[],
): { readonly file: string; readonly line: number; readonly address: string }[] {
  return files.flatMap(({ path, text }) =>
    text.split("\n").flatMap((line, index) => {
      const address = lost.find((one) => mentions(line, one));
      return address === undefined ? [] : [{ file: path, line: index + 1, address }];
    }),
  );
}
