/** Making an archive's files fit the host they are put on, before any of them is: shown in the plan, kept in the journal. */
import { exchanged } from "../k3s/addresses.ts";
import { addressSettings } from "../k3s/address-settings.ts";
import { overlaid } from "../k3s/file-view.ts";
import { readSettings } from "../k3s/settings.ts";
import { hostAddresses, hostInterfaces, reachableAddresses } from "../sys/network.ts";
import { findMisfits, lostAddresses, otherMentions } from "./fit-addresses.ts";
import {
  addedFiles,
  editedFiles,
  fittedFrom,
  settingsFiles,
  stagedTexts,
  startingView,
  textsOf,
} from "./fit-files.ts";
import { ownSettings } from "./fit-own.ts";
import { agentTokenDiffers, addsNodeId, dropInOf, nameWouldChange, pinsFor } from "./fit-pins.ts";
import { requireEffect, requireUnit } from "./fit-unit.ts";
import type { AddressEdit } from "../k3s/address-settings.ts";
import type { Settings } from "../k3s/settings.ts";
import type { Context } from "./context.ts";
import type { Finding, HostFacts, SettingsFile, ThisHost } from "./fit-addresses.ts";
import type { FittedFile } from "./fit-files.ts";
import type { Pin, Pins } from "./fit-pins.ts";
import type { Proof } from "./proof.ts";

export interface FitOptions {
  /** `--edit-address OLD=NEW`. */
  readonly edits: readonly AddressEdit[];
  /** Register under this host's own name. */
  readonly newNode: boolean;
}

export interface EditedSetting {
  readonly file: string;
  readonly key: string;
  readonly was: string;
  readonly is: string;
}

export interface HostFit {
  readonly files: readonly FittedFile[];
  /** Edits that were made. */
  readonly edited: readonly EditedSetting[];
  /** What still does not fit. */
  readonly misfits: readonly Finding[];
  readonly mentions: ReturnType<typeof otherMentions>;
  /** Settings files of this host that the archive does not have and K3s reads all the same. */
  readonly own: readonly string[];
  readonly pins: readonly Pin[];
  /** The drop-in that `pins` are in. */
  readonly dropIn: string;
  /** The configuration gives the agents another token than the database has. */
  readonly otherAgentToken: boolean;
  readonly lost: readonly string[];
  readonly now: ThisHost;
  /** Of K3s's API, as it will be here. */
  readonly httpsPort: number;
  /** The name this server will register under, and whether that is another than it had. */
  readonly node: {
    readonly name: string;
    readonly isNew: boolean;
    /** K3s adds an id of the host to it (`with-node-id`). */
    readonly hasId: boolean;
  };
}

/** Where the archive's plaintext lies, and more can be laid beside it. */
export interface FitStage {
  readonly proof: Proof;
  write(entry: string, content: string): Promise<string>;
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
  const before = await startingView(archived);
  const settings = await readSettings({ dataDir: undefined, view: before });
  await requireUnit(context, settings);
  const now = thisHost(context);
  const hosts = { old: manifest.host, now };
  const files = await settingsFiles(settings, { texts: archived, view: before });
  const edits = editedFiles(files, options.edits);
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
    ...(await addedFiles(after, renamed, pins)),
  ];
  await requireEffect(renamed, pins, overlaid(after, textsOf(fitted)));
  for (const { entry, text } of fitted) await stage.write(entry, text);
  const { misfits, lost } = compared(files, edited, hosts);
  const known = new Set(files.map(({ path }) => path));
  const others = [...archived].filter(([path]) => !known.has(path));
  return {
    files: fitted.map(({ text: _text, ...file }) => file),
    edited: files.flatMap((file) => changesIn(file, edited.get(file.path), options.edits)),
    misfits,
    mentions: otherMentions(
      others.map(([path, text]) => ({ path, text })),
      lost,
    ),
    own: ownSettings(files),
    pins: pins.list,
    dropIn: dropInOf(settings),
    otherAgentToken: await agentTokenDiffers(renamed, {
      view: after,
      bootstrap: snapshot.bootstrap,
    }),
    lost,
    now,
    httpsPort: renamed.httpsPort,
    node: nodeOf(renamed, { manifest, pins, hostname: now.hostname }),
  };
}

function compared(
  files: readonly SettingsFile[],
  edited: ReadonlyMap<string, string>,
  hosts: { readonly old: HostFacts; readonly now: ThisHost },
): Pick<HostFit, "misfits" | "lost"> {
  const after = files.map((file) => ({ ...file, text: edited.get(file.path) ?? file.text }));
  return { misfits: findMisfits(after, hosts), lost: lostAddresses(hosts.old, hosts.now) };
}

/** The settings that the edits changed; `after` is undefined for a file they did not touch. */
function changesIn(
  { path, kind, text }: SettingsFile,
  after: string | undefined,
  edits: readonly AddressEdit[],
): EditedSetting[] {
  if (after === undefined) return [];
  return addressSettings(text, kind)
    .map(({ key, value }) => ({ file: path, key, was: value, is: edits.reduce(exchanged, value) }))
    .filter(({ was, is }) => was !== is);
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
  const hasId = addsNodeId(settings);
  return { hasId, isNew, name: isNew ? hostname.toLowerCase() : manifest.host.nodeName };
}
