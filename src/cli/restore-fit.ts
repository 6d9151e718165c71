/** The options of `restore` that make an archive fit another host. */
import { usage } from "./argv.ts";
import type { FitOptions, HostFit } from "../app/host-fit.ts";
import type { AddressEdit } from "../k3s/address-settings.ts";
import type { Command, Flag, Input } from "./command.ts";

export const FIT_FLAGS: readonly Flag[] = [
  {
    name: "edit-address",
    kind: "list",
    value: "OLD=NEW",
    help: "exchange an address or name in settings such as node-ip and tls-san; may be repeated",
  },
  {
    name: "new-node",
    kind: "boolean",
    help: "register this host under its own name (default: it takes the old node's)",
  },
];

/** Whether any of them was given. */
export function givesFit(input: Input): boolean {
  return input.list("edit-address").length > 0 || input.has("new-node");
}

/** Throws a usage error for an edit that is not `OLD=NEW`, or one that would undo another. */
export function fitOptionsOf(input: Input, command: Command): FitOptions {
  const edits = input.list("edit-address").map((text) => parseEdit(text, command));
  for (const { from, to } of edits) {
    if (!edits.some((other) => other.from === to)) continue;
    throw usage(`--edit-address ${from}=${to} and another edit contradict each other`, command);
  }
  return { edits, newNode: input.has("new-node") };
}

function parseEdit(text: string, command: Command): AddressEdit {
  const [, from, to] = /^([\w.:%-]+)=([\w.:%-]+)$/.exec(text) ?? [];
  if (from === undefined || to === undefined) {
    throw usage(`--edit-address takes OLD=NEW, two addresses or names, not "${text}"`, command);
  }
  return { from, to };
}

/** The fields of the result that say how the archive fitted. */
export function fitFields(fit: HostFit | undefined): Record<string, unknown> {
  if (fit === undefined) return {};
  const shown = ({ file, key, value, from, to, blocks }: HostFit["misfits"][number]) => ({
    file,
    key,
    value,
    old: from,
    new: to ?? null,
    blocks,
  });
  return {
    node_name: fit.node.name,
    misfits: fit.misfits.map(shown),
    edited: fit.edited,
    added: fit.pins.map(({ key, value }) => ({ file: fit.dropIn, key, value })),
  };
}
