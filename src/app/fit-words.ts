/** What fits this host and what does not, in sentences; and the refusal when K3s could not run. */
import { exchanged } from "../k3s/addresses.ts";
import { OperatorError } from "../errors.ts";
import { count } from "../words.ts";
import type { Manifest } from "../archive/manifest.ts";
import type { Warning } from "./context.ts";
import type { Finding } from "./fit-addresses.ts";
import type { HostFit } from "./host-fit.ts";

const WIDTH = 15;

/** Lines of the plan, each with a label of 15 columns; none when host and archive agree. */
export function fitLines(fit: HostFit, manifest: Manifest): string[] {
  return [
    ...fit.misfits.flatMap(misfitLines),
    ...fit.edited.map(({ file, key, was, is }) =>
      labelled("edited", `${file}: ${key}: ${is} instead of ${was}`),
    ),
    ...fit.mentions.map(({ file, line, address }) =>
      labelled("also named", `${address} in ${file} line ${line}: not edited, look at it`),
    ),
    ...fit.own.map((file) =>
      labelled(
        "stays too",
        `${file}: this host's own, not in the archive, and K3s reads it as well`,
      ),
    ),
    ...elsewhere(fit, manifest),
    ...nodeLines(fit, manifest),
    ...pinLines(fit),
  ];
}

function labelled(label: string, text: string): string {
  return label.padEnd(WIDTH) + text;
}

function misfitLines(one: Finding): string[] {
  return [
    labelled("does not fit", `${one.file}: ${one.key}: ${one.value} (${one.from} ${one.why})`),
    labelled("", `edit: ${editText(one)}`),
  ];
}

/** The exact edit: the option that makes it on the way, or what to write by hand. */
function editText(one: Finding): string {
  const to = one.to ?? "NEW";
  const value = exchanged(one.value, { from: one.from, to });
  return one.restored
    ? `--edit-address ${one.from}=${to} makes it ${one.key}: ${value}`
    : `this host's own file, by hand: ${one.key}: ${value}`;
}

/** What lies on other machines nobody can edit from here. */
function elsewhere({ lost, now, httpsPort }: HostFit, { host }: Manifest): string[] {
  if (lost.length === 0) return [];
  const [to = "ADDRESS"] = now.reachable;
  const own = now.reachable.join(", ") || "none";
  const url = `https://${urlHost(to)}:${httpsPort}`;
  return [
    labelled("addresses", `this host has ${own}; the archive's had ${host.addresses.join(", ")}`),
    labelled(
      "kubeconfig",
      `K3s writes its own anew; copies that name ${lost.join(" or ")}: kubectl config set-cluster default --server=${url}`,
    ),
    labelled(
      "agents",
      `those that join through ${lost.join(" or ")}: put ${url} into K3S_URL or server:, then systemctl restart k3s-agent`,
    ),
  ];
}

function urlHost(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

function nodeLines({ node, now, pins }: HostFit, { host }: Manifest): string[] {
  if (node.hasId) {
    return [
      labelled(
        "node name",
        `with-node-id adds an id of this host, so it may register as a new node beside ${host.nodeName}`,
      ),
    ];
  }
  if (node.isNew) {
    return [
      labelled(
        "node name",
        `registers as a new node ${node.name}; the old Node ${host.nodeName} stays`,
      ),
      labelled(
        "",
        `with its labels, taints and local volumes; without --new-node this host takes its place`,
      ),
    ];
  }
  if (!pins.some(({ key }) => key === "node-name")) return [];
  return [
    labelled(
      "node name",
      `${host.nodeName} is kept although this host is ${now.hostname}: labels, taints, node password and local volumes hang on it`,
    ),
    labelled("", `to register as ${now.hostname.toLowerCase()} instead: --new-node`),
  ];
}

function pinLines({ pins, dropIn }: HostFit): string[] {
  return pins.map(({ key, value, why }) =>
    labelled("added", `${dropIn}: ${key}: ${value} (${why})`),
  );
}

/** What is allowed but should be known. */
export function fitWarnings(fit: HostFit, manifest: Manifest): Warning[] {
  const warnings: Warning[] = [];
  const { host } = manifest;
  if (fit.now.hostname !== host.hostname) {
    warnings.push({
      code: "OTHER_HOST",
      message: `the archive is of host ${host.hostname}, this is ${fit.now.hostname}; it registers as node ${fit.node.name}`,
      ...(fit.node.isNew
        ? {
            hint: `the old Node object stays until you delete it: k3s kubectl delete node ${host.nodeName}`,
          }
        : {}),
    });
  }
  if (fit.otherAgentToken) {
    warnings.push({
      code: "AGENT_TOKEN_DIFFERS",
      message:
        'the archive\'s configuration gives the agents another token than its database has: put there while K3s ran, it makes a later start of K3s end with "cred/passwd newer than datastore"',
      hint: `take agent-token out of the configuration after the restore, unless agents use it; when K3s has ended so: mv ${host.dataDir}/server/cred/passwd{,.aside}`,
    });
  }
  if (fit.own.length > 0) {
    warnings.push({
      code: "OWN_SETTINGS",
      message: `K3s will also read what this host has and the archive does not: ${fit.own.join(", ")}`,
      hint: "if that came after the backup and is not wanted any more, move it away before the restore",
    });
  }
  const blocking = fit.misfits.filter(({ blocks }) => blocks);
  const other = fit.misfits.filter(({ blocks }) => !blocks);
  if (blocking.length > 0) warnings.push({ code: "ADDRESS_UNFIT", ...unfit(blocking) });
  if (other.length > 0) {
    const [first] = other;
    warnings.push({
      code: "OTHER_ADDRESS",
      message: `${count(other.length, "setting")} of the archive still name the old host: ${other.map(({ file, key }) => `${key} in ${file}`).join(", ")}`,
      ...(first === undefined
        ? {}
        : { hint: `the edit for each is in the plan, as: ${editText(first)}` }),
    });
  }
  return warnings;
}

/** Throws an OperatorError `ADDRESS_UNFIT` when K3s could not start with what the archive says. */
export function requireFit(fit: HostFit): void {
  const blocking = fit.misfits.filter(({ blocks }) => blocks);
  if (blocking.length === 0) return;
  const { message, hint } = unfit(blocking);
  throw new OperatorError("precondition", "ADDRESS_UNFIT", message, {
    hint: `nothing was changed; ${hint}`,
  });
}

function unfit(blocking: readonly Finding[]): { readonly message: string; readonly hint: string } {
  const named = blocking.map(
    ({ file, key, value, from, why }) => `${key}: ${value} in ${file} (${from} ${why})`,
  );
  const flags = new Set(
    blocking
      .filter(({ restored }) => restored)
      .map(({ from, to }) => `--edit-address ${from}=${to ?? "NEW"}`),
  );
  const byHand = blocking.filter(({ restored }) => !restored).map(editText);
  const mend = [
    // Not the whole command: it would have to name archive, folder and keys as this one did.
    ...(flags.size === 0 ? [] : [`this again with ${[...flags].join(" ")}`]),
    ...byHand,
  ];
  return {
    message: `the archive's configuration does not fit this host: ${named.join("; ")}`,
    hint: `${mend.join("; ")}; when that address comes up later: --force`,
  };
}
