/** The settings of K3s that name this host's addresses, names and interfaces, and where in their files they stand. */
import { isMap, isScalar, isSeq, parseDocument } from "yaml";
import { exchanged } from "./addresses.ts";
import { FLAG_ALIASES } from "./flags.ts";

export type SettingsFileKind = "config" | "unit" | "environment";

export interface AddressSetting {
  /** `node-ip`; an argument of a component as `etcd-arg`; a variable under its own name. */
  readonly key: string;
  readonly value: string;
  /** Offsets of the value, its quotes included, in the text of the file. */
  readonly start: number;
  readonly end: number;
}

export interface AddressEdit {
  readonly from: string;
  readonly to: string;
}

/** Flags whose value names the host or how others reach it (K3s pkg/cli/cmds/agent.go, server.go). */
const PLAIN = [
  "advertise-address",
  "bind-address",
  "flannel-iface",
  "node-external-ip",
  "node-ip",
  "server",
  "tls-san",
];
/** Arguments of components; `etcd-arg: listen-metrics-urls=http://10.0.0.1:2381`. */
const ARGUMENTS = [
  "etcd-arg",
  "kube-apiserver-arg",
  "kube-cloud-controller-manager-arg",
  "kube-controller-manager-arg",
  "kube-proxy-arg",
  "kube-scheduler-arg",
  "kubelet-arg",
];
const KEYS = new Set([...PLAIN, ...ARGUMENTS]);
const VARIABLES = ["K3S_URL"];

/** Every such setting in the text of a file; none when it cannot be read as what it should be. */
export function addressSettings(text: string, kind: SettingsFileKind): AddressSetting[] {
  if (kind === "config") return fromConfig(text);
  const variables = fromVariables(text);
  return kind === "environment" ? variables : [...fromUnit(text), ...variables];
}

/** The text with addresses exchanged in those settings and nowhere else; comments and layout stay. */
export function editAddresses(
  text: string,
  kind: SettingsFileKind,
  edits: readonly AddressEdit[],
): string {
  let result = text;
  for (const { start, end } of addressSettings(text, kind).toSorted(
    (left, right) => right.start - left.start,
  )) {
    const value = edits.reduce(exchanged, text.slice(start, end));
    result = result.slice(0, start) + value + result.slice(end);
  }
  return result;
}

function fromConfig(text: string): AddressSetting[] {
  const document = parseDocument(text, { logLevel: "silent" });
  if (document.errors.length > 0 || !isMap(document.contents)) return [];
  const found: AddressSetting[] = [];
  for (const { key, value } of document.contents.items) {
    const name = nameOf(isScalar(key) ? String(key.value).replace(/\+$/, "") : "");
    if (name === undefined) continue;
    for (const node of isSeq(value) ? value.items : [value]) {
      if (!isScalar(node) || typeof node.value !== "string" || !node.range) continue;
      const [start, end] = node.range;
      found.push({ key: name, value: node.value, start, end });
    }
  }
  return found;
}

function nameOf(word: string): string | undefined {
  const name = FLAG_ALIASES[word] ?? word;
  return KEYS.has(name) ? name : undefined;
}

/**
 * `--node-ip=X`, `--node-ip X`, and as K3s's install script writes them, each
 * word quoted on a line of its own: `'--node-ip' \`, `'X' \`.
 */
const FLAG = /(?<=[\s'"])--?([A-Za-z][\w-]*)(?:=|['"]?(?:[ \t]|\\\n)+)(['"]?)([^\s'"\\]+)/g;

function fromUnit(text: string): AddressSetting[] {
  const found: AddressSetting[] = [];
  for (const match of text.matchAll(FLAG)) {
    const [whole, word = "", , value = ""] = match;
    const name = nameOf(word);
    if (name === undefined || value.startsWith("-")) continue;
    const end = match.index + whole.length;
    found.push({ key: name, value, start: end - value.length, end });
  }
  return found;
}

function fromVariables(text: string): AddressSetting[] {
  const pattern = new RegExp(`(?<![\\w#])(${VARIABLES.join("|")})\\s*=\\s*["']?([^\\s"']+)`, "g");
  return [...text.matchAll(pattern)].flatMap((match) => {
    const [whole, key = "", value = ""] = match;
    const end = match.index + whole.length;
    return isComment(text, match.index) ? [] : [{ key, value, start: end - value.length, end }];
  });
}

function isComment(text: string, offset: number): boolean {
  return /^\s*[#;]/.test(text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset + 1));
}
