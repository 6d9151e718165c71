/** The files of an archive as K3s will read them here: staged, laid over this host's, edited, added to. */
import { RESTORED_KINDS } from "./runbook.ts";
import { OperatorError } from "../errors.ts";
import { editAddresses } from "../k3s/address-settings.ts";
import { HOST_FILES, overlaid, without } from "../k3s/file-view.ts";
import { GUARD_FILE } from "../k3s/guard.ts";
import { readSettings } from "../k3s/settings.ts";
import { readTextIfPresent } from "../sys/files.ts";
import { sha256Hex } from "../sys/hash.ts";
import { agentTokenFileOf, dropInOf, dropInText } from "./fit-pins.ts";
import type { Entry } from "../archive/manifest.ts";
import type { AddressEdit, SettingsFileKind } from "../k3s/address-settings.ts";
import type { FileView } from "../k3s/file-view.ts";
import type { Settings } from "../k3s/settings.ts";
import type { SettingsFile } from "./fit-addresses.ts";
import type { Pins } from "./fit-pins.ts";
import type { Proof } from "./proof.ts";

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

export interface Staged {
  readonly entry: Entry;
  readonly text: string;
}

/** What K3s would read: the archive's files over this host's, but for what an earlier restore pinned here for its own archive. */
export async function startingView(archived: ReadonlyMap<string, string>): Promise<FileView> {
  const view = overlaid(HOST_FILES, archived);
  const dropIn = dropInOf(await readSettings({ dataDir: undefined, view }));
  return archived.has(dropIn) ? view : without(view, dropIn);
}

/** Larger ones are no configuration that names a host. */
const LARGEST = 1024 * 1024;

/** The text files that go back to their place, by that place. */
export async function stagedTexts(proof: Proof): Promise<Map<string, Staged>> {
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

export async function settingsFiles(
  settings: Settings,
  from: { readonly texts: ReadonlyMap<string, string>; readonly view: FileView },
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
export function editedFiles(
  files: readonly SettingsFile[],
  edits: readonly AddressEdit[],
): SettingsFile[] {
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

export type StagedFit = FittedFile & { readonly text: string };

export function fittedFrom(file: SettingsFile, staged: ReadonlyMap<string, Staged>): StagedFit {
  const entry = staged.get(file.path)?.entry;
  return fitted(file.path, {
    text: file.text,
    mode: (entry?.mode ?? 0o600) & 0o777,
    uid: entry?.uid ?? 0,
    gid: entry?.gid ?? 0,
  });
}

/** The drop-in with what has to be pinned, and the agents' token in a folder closed to others. */
export async function addedFiles(
  view: FileView,
  settings: Settings,
  { list, agentToken }: Pins,
): Promise<StagedFit[]> {
  const dropIn = dropInOf(settings);
  const before = await view.text(dropIn);
  // What an earlier restore left here, and this one does not need, must not count any more.
  const isStale = before === undefined && (await readTextIfPresent(dropIn)) !== undefined;
  if (list.length === 0 && !isStale) return [];
  const secret = { mode: 0o600, uid: 0, gid: 0 };
  const files = [fitted(dropIn, { ...secret, text: dropInText(before, list) })];
  if (agentToken === undefined) return files;
  const file = fitted(agentTokenFileOf(settings), { ...secret, text: `${agentToken}\n` });
  return [{ ...file, folder: 0o700 }, ...files];
}

function fitted(target: string, file: Pick<StagedFit, "text" | "mode" | "uid" | "gid">): StagedFit {
  return { ...file, target, entry: `fitted${target}`, sha256: sha256Hex(file.text) };
}

export function textsOf(files: readonly StagedFit[]): Map<string, string> {
  return new Map(files.map(({ target, text }) => [target, text]));
}
