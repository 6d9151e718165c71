/** Making an archive's files fit the host they are put on, before any of them is: shown in the plan, kept in the journal. */
import { RESTORED_KINDS } from "./runbook.ts";
import { OperatorError } from "../errors.ts";
import { editAddresses } from "../k3s/address-settings.ts";
import { mentions } from "../k3s/addresses.ts";
import { HOST_FILES, overlaid } from "../k3s/file-view.ts";
import { GUARD_FILE } from "../k3s/guard.ts";
import { readSettings } from "../k3s/settings.ts";
import { readTextIfPresent } from "../sys/files.ts";
import { findProgram } from "../sys/find-program.ts";
import { sha256Hex } from "../sys/hash.ts";
import { hostAddresses, hostInterfaces, reachableAddresses } from "../sys/network.ts";
import { findMisfits, lostAddresses, otherMentions } from "./fit-addresses.ts";
import { agentTokenFileOf, dropInOf, dropInText, nameWouldChange, pinsFor } from "./fit-pins.ts";
import type { Entry } from "../archive/manifest.ts";
import type { AddressEdit, SettingsFileKind } from "../k3s/address-settings.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { Finding, SettingsFile, ThisHost } from "./fit-addresses.ts";
import type { Pin, Pins } from "./fit-pins.ts";
import type { Proof } from "./proof.ts";

export interface FitOptions {
  /** `--edit-address OLD=NEW`. */
  readonly edits: readonly AddressEdit[];
  /** Register under this host's own name. */
  readonly newNode: boolean;
}

/** A file that is put in place of the archive's own, or beside it. */
export interface FittedFile {
  /** Where it is staged, below the laid-out archive. */
  readonly entry: string;
  readonly target: string;
  readonly sha256: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Mode of its folder when that is made for it. */
  readonly folder?: number;
}

export interface HostFit {
  readonly files: readonly FittedFile[];
  /** Edits that were made. */
  readonly edited: readonly Finding[];
  /** What still does not fit. */
  readonly misfits: readonly Finding[];
  readonly mentions: ReturnType<typeof otherMentions>;
  readonly pins: readonly Pin[];
  /** The drop-in that `pins` are in. */
  readonly dropIn: string;
  readonly lost: readonly string[];
  readonly now: ThisHost;
  /** The name this server will register under, and whether that is another than it had. */
  readonly node: { readonly name: string; readonly isNew: boolean };
}

/** Where the archive's plaintext lies, and more can be laid beside it. */
export interface FitStage {
  readonly proof: Proof;
  write(entry: string, content: string): Promise<string>;
}

interface Staged {
  readonly entry: Entry;
  readonly text: string;
}

/**
 * Compares what K3s will read here, once the archive's files are in place, with
 * this host and with the cluster in the datastore; stages edited and added files.
 * Writes nothing outside the stage. Throws an OperatorError `EDIT_NOTHING`,
 * `NO_UNIT`, `UNIT_PROGRAM` or `SETTING_FIXED`.
 */
export async function fitToHost(
  context: Context,
  stage: FitStage,
  options: FitOptions,
): Promise<HostFit> {
  const { manifest, snapshot } = stage.proof;
  const staged = await stagedTexts(stage.proof);
  const archived = new Map([...staged].map(([path, { text }]) => [path, text]));
  const before = overlaid(HOST_FILES, archived);
  const settings = await readSettings({ dataDir: undefined, view: before });
  await requireUnit(context, settings);
  const now = thisHost(context);
  const hosts = { old: manifest.host, now };
  const files = await settingsFiles(settings, { texts: archived, view: before });
  const edits = edit(files, options.edits);
  const edited = new Map(edits.map(({ path, text }) => [path, text]));
  const after = overlaid(before, edited);
  const renamed = await readSettings({ dataDir: undefined, view: after });
  const pins = pinsFor(renamed, {
    manifest,
    bootstrap: snapshot.bootstrap,
    hostname: now.hostname,
    newNode: options.newNode,
  });
  const fitted = [
    ...edits.map((file) => fittedFrom(file, staged)),
    ...(await added(after, renamed, pins)),
  ];
  await requireEffect(renamed, pins, overlaid(after, textsOf(fitted)));
  for (const { entry, text } of fitted) await stage.write(entry, text);
  const lost = lostAddresses(manifest.host, now);
  const known = new Set(files.map(({ path }) => path));
  const others = [...archived].filter(([path]) => !known.has(path));
  return {
    files: fitted.map(({ text: _text, ...file }) => file),
    edited: findMisfits(files, hosts).filter((one) => isEdited(one, edits, options.edits)),
    misfits: findMisfits(
      files.map((file) => ({ ...file, text: edited.get(file.path) ?? file.text })),
      hosts,
    ),
    mentions: otherMentions(
      others.map(([path, text]) => ({ path, text })),
      lost,
    ),
    pins: pins.list,
    dropIn: dropInOf(settings),
    lost,
    now,
    node: nodeOf(renamed, { manifest, pins, hostname: now.hostname }),
  };
}

function isEdited(
  { file, value }: Finding,
  edits: readonly { readonly path: string }[],
  asked: readonly AddressEdit[],
): boolean {
  return edits.some(({ path }) => path === file) && asked.some(({ from }) => mentions(value, from));
}

function thisHost(context: Context): ThisHost {
  return {
    hostname: context.host.hostname,
    addresses: hostAddresses(),
    reachable: reachableAddresses(),
    interfaces: hostInterfaces(),
  };
}

function nodeOf(
  settings: Settings,
  from: { readonly manifest: Proof["manifest"]; readonly pins: Pins; readonly hostname: string },
): HostFit["node"] {
  const { manifest, pins, hostname } = from;
  const pinned = pins.list.some(({ key }) => key === "node-name");
  const isNew = !pinned && nameWouldChange(settings, { manifest, hostname });
  return { name: isNew ? hostname.toLowerCase() : manifest.host.nodeName, isNew };
}

/** Larger ones are no configuration that names a host. */
const LARGEST = 1024 * 1024;

/** The text files that go back to their place, by that place. */
async function stagedTexts(proof: Proof): Promise<Map<string, Staged>> {
  const found = new Map<string, Staged>();
  for (const { entry, path } of proof.files) {
    const { source, kind } = entry;
    if (source === undefined || source === GUARD_FILE || entry.size > LARGEST) continue;
    if (!RESTORED_KINDS.includes(kind) || kind === "node-password") continue;
    const text = await readTextIfPresent(path);
    if (text !== undefined) found.set(source, { entry, text });
  }
  return found;
}

async function settingsFiles(
  settings: Settings,
  from: { readonly texts: ReadonlyMap<string, string>; readonly view: typeof HOST_FILES },
): Promise<SettingsFile[]> {
  const { unit, config } = settings;
  const kinds: [SettingsFileKind, readonly string[]][] = [
    ["config", config.files],
    ["unit", unit?.files ?? []],
    ["environment", unit?.environmentFiles ?? []],
  ];
  const files: SettingsFile[] = [];
  for (const [kind, paths] of kinds) {
    for (const path of paths) {
      const text = await from.view.text(path);
      if (text !== undefined) files.push({ path, kind, text, restored: from.texts.has(path) });
    }
  }
  return files;
}

/** The files that edits change, with their new texts. */
function edit(files: readonly SettingsFile[], edits: readonly AddressEdit[]): SettingsFile[] {
  const changed = files.flatMap((file) => {
    const text = editAddresses(file.text, file.kind, edits);
    return file.restored && text !== file.text ? [{ ...file, text }] : [];
  });
  for (const one of edits) {
    const hits = files.some(
      (file) => file.restored && editAddresses(file.text, file.kind, [one]) !== file.text,
    );
    if (hits) continue;
    throw new OperatorError(
      "usage",
      "EDIT_NOTHING",
      `--edit-address ${one.from}=${one.to} changes nothing: no setting of the archive that names addresses has ${one.from}`,
      {
        hint: "what does not fit this host, and the edit for it: railiance-cluster restore --plan",
      },
    );
  }
  return changed;
}

type StagedFit = FittedFile & { readonly text: string };

function fittedFrom(file: SettingsFile, staged: ReadonlyMap<string, Staged>): StagedFit {
  const entry = staged.get(file.path)?.entry;
  return fitted(file.path, {
    text: file.text,
    mode: (entry?.mode ?? 0o600) & 0o777,
    uid: entry?.uid ?? 0,
    gid: entry?.gid ?? 0,
  });
}

/** The drop-in with what has to be pinned, and the agents' token in a folder closed to others. */
async function added(
  view: typeof HOST_FILES,
  settings: Settings,
  { list, agentToken }: Pins,
): Promise<StagedFit[]> {
  if (list.length === 0) return [];
  const secret = { mode: 0o600, uid: 0, gid: 0 };
  const dropIn = dropInOf(settings);
  const files = [fitted(dropIn, { ...secret, text: dropInText(await view.text(dropIn), list) })];
  if (agentToken === undefined) return files;
  const file = fitted(agentTokenFileOf(settings), { ...secret, text: `${agentToken}\n` });
  return [{ ...file, folder: 0o700 }, ...files];
}

function fitted(target: string, file: Pick<StagedFit, "text" | "mode" | "uid" | "gid">): StagedFit {
  return { ...file, target, entry: `fitted${target}`, sha256: sha256Hex(file.text) };
}

function textsOf(files: readonly StagedFit[]): Map<string, string> {
  return new Map(files.map(({ target, text }) => [target, text]));
}

/** A flag in the unit, or a later drop-in, wins over ours: better said now than found out by K3s. */
async function requireEffect(before: Settings, pins: Pins, view: typeof HOST_FILES): Promise<void> {
  const settings = await readSettings({ dataDir: undefined, view });
  for (const { key, value, why } of pins.list) {
    const found = key === "data-dir" ? settings.dataDir : settings.one(key);
    if (found === value) continue;
    throw new OperatorError(
      "precondition",
      "SETTING_FIXED",
      `the restored server needs ${key}: ${value} (${why}), and a flag of the unit or a later file of ${before.configPath}.d says ${found ?? "otherwise"}`,
      { hint: "nothing was changed; take that setting out on this host, then run this again" },
    );
  }
}

/** K3s alone, without a unit here or in the archive, would have nothing to start it. */
async function requireUnit(context: Context, { unit, k3s }: Settings): Promise<void> {
  if (unit === undefined) {
    throw new OperatorError(
      "precondition",
      "NO_UNIT",
      "neither the archive nor this host has a k3s.service that could start K3s",
      {
        hint: "nothing was changed; make one, without starting it: INSTALL_K3S_SKIP_DOWNLOAD=true INSTALL_K3S_SKIP_START=true ./install.sh server",
      },
    );
  }
  if ((await findProgram(k3s, context.host.env["PATH"])) !== undefined) return;
  throw new OperatorError(
    "precondition",
    "UNIT_PROGRAM",
    `k3s.service starts ${k3s}, and there is no such program on this host`,
    { hint: `nothing was changed; put K3s there: ln -s "$(command -v k3s)" ${k3s}` },
  );
}
