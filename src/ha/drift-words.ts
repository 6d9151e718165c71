/** Each kind of drift as a sentence: against a running cluster, or against what a restore would bring back. */
import { printPlace, shownValue } from "./finding.ts";
import { printPath } from "./value-node.ts";
import type { ValueDifference } from "./compare-values.ts";
import type { Finding } from "./finding.ts";
import type { ReleaseName } from "./releases-file.ts";
import type { NeededKey, NeededSecret } from "./secret-needs.ts";
import type { Place } from "./value-node.ts";

/** Each finding's `id` is one of these. */
export const DRIFT_CLASSES = [
  "release-missing",
  "chart",
  "live-only",
  "file-only",
  "changed",
  "secret-missing",
  "secret-key-missing",
  "secret-differs",
  "secret-unversioned",
  "secret-wrong-key",
] as const;
export type DriftClass = (typeof DRIFT_CLASSES)[number];

export interface Side extends ReleaseName {
  readonly kind: "live" | "archive";
  /** The values files as a person would name them; the last one is where additions go. */
  readonly files: readonly string[];
}

interface Said {
  readonly path?: string | undefined;
  readonly at?: Place | undefined;
  readonly message: string;
  readonly hint: string;
}

function drift(id: DriftClass, { path, at, message, hint }: Said): Finding {
  return { id, severity: "error", at, path, message, hint };
}

/** The release is not there at all. */
export function releaseMissing(side: Side): Finding {
  const { namespace, name } = side;
  return drift("release-missing", {
    message:
      side.kind === "live"
        ? `there is no release ${namespace}/${name} in the cluster`
        : `this restore would lack the whole release ${namespace}/${name}`,
    hint: side.kind === "live" ? `look for it: helm list -A` : "back up again once it is installed",
  });
}

/** Another chart, or another version, than the pinned one. */
export function chartDiffers(
  side: Side,
  charts: { readonly pinned: string; readonly found: string },
): Finding {
  const { pinned, found } = charts;
  return drift("chart", {
    message:
      side.kind === "live"
        ? `the release runs ${found}, and ${pinned} is pinned`
        : `this restore would bring back ${found}, and ${pinned} is pinned`,
    hint: `helm upgrade to the pinned version, or pin what runs`,
  });
}

/** One difference of values; the values themselves only where they can be no secret. */
export function valueDiffers(side: Side, difference: ValueDifference): Finding {
  const path = printPath(difference.path);
  const at = difference.file?.at;
  const last = side.files.at(-1) ?? "a values file";
  switch (difference.class) {
    case "live-only":
      return drift("live-only", {
        path,
        message:
          side.kind === "live"
            ? "only the release has it: the next helm upgrade with the files loses it"
            : "only the archived release has it: the first helm upgrade after this restore loses it",
        hint: `put ${path} into ${last} (encrypted, if it is a secret)`,
      });
    case "file-only":
      return drift("file-only", {
        path,
        at,
        message:
          side.kind === "live"
            ? "the files say it, but it was never applied"
            : `this restore would lack ${path}`,
        hint: side.kind === "live" ? upgradeHint(side) : "apply it, then back up again",
      });
    case "changed":
      return drift("changed", {
        path,
        at,
        message: `${bothSides(difference)}${side.kind === "live" ? "" : ": this restore would bring back the archived one"}`,
        hint: side.kind === "live" ? upgradeHint(side) : "apply the files, then back up again",
      });
  }
}

function bothSides({ path, file, live }: ValueDifference): string {
  const [here, there] = [shownValue(path, file), shownValue(path, live)];
  return here === undefined || there === undefined
    ? "files and release differ"
    : `the files say ${here}, the release has ${there}`;
}

function upgradeHint({ namespace, name, files }: Side): string {
  const flags = files.map((file) => `-f ${file}`).join(" ");
  return `helm upgrade ${name} CHART -n ${namespace} ${flags}, or put what runs into the files`;
}

/** A Secret that is needed and not there. */
export function secretMissing(side: Side, secret: NeededSecret): Finding {
  const name = `${side.namespace}/${secret.name}`;
  const keys = secret.keys.map(({ key }) => key).join(", ");
  return drift("secret-missing", {
    path: secret.path,
    message:
      side.kind === "live"
        ? `Secret ${name} does not exist`
        : `this restore would lack Secret ${name}`,
    hint: keys === "" ? "make it before the next upgrade" : `make it, with the keys ${keys}`,
  });
}

/** A key that the chart reads and the Secret lacks. */
export function secretKeyMissing(side: Side, secret: NeededSecret, key: string): Finding {
  const name = `${side.namespace}/${secret.name}`;
  return drift("secret-key-missing", {
    path: secret.path,
    message:
      side.kind === "live"
        ? `Secret ${name} lacks the key ${key}`
        : `this restore would lack the key ${key} of Secret ${name}`,
    hint: `put ${key} into the Secret; without it pods do not start, or a password is made up`,
  });
}

/** The Secret holds another value than the files: of the two, the Secret wins, silently. */
export function secretDiffers(side: Side, secret: NeededSecret, key: NeededKey): Finding {
  const where = key.value === undefined ? "the files" : printPlace(key.value.at);
  return drift("secret-differs", {
    path: key.path,
    at: key.value?.at,
    message: `Secret ${side.namespace}/${secret.name} holds another ${key.key} than ${where}: most charts keep the Secret's, and changing the file changes nothing then`,
    hint: "find out which one the database knows, then make both the same",
  });
}

/** The Secret has it, and no file does. */
export function secretUnversioned(side: Side, secret: NeededSecret, key: NeededKey): Finding {
  const last = side.files.at(-1) ?? "a values file";
  return drift("secret-unversioned", {
    path: key.path,
    message: `Secret ${side.namespace}/${secret.name} has the key ${key.key}, and no values file gives it: it was made up or came by --set, and a rebuild makes up another`,
    hint: `put ${key.path ?? key.key} into ${last}, encrypted, with the value that runs`,
  });
}

/** A key that people put into their own Secret and that nothing reads. */
export function secretWrongKey(
  side: Side,
  secret: NeededSecret,
  wrong: NeededSecret["wrongKeys"][number],
): Finding {
  return drift("secret-wrong-key", {
    path: secret.path,
    message: `Secret ${side.namespace}/${secret.name} ${wrong.says}`,
    hint: wrong.hint,
  });
}
