/** `ha/releases.yaml`: which release belongs to which values files and which pinned chart. */
import { dirname, resolve } from "node:path";
import * as v from "valibot";
import { parseDocument } from "yaml";
import { OperatorError } from "../errors.ts";
import { parsePin } from "./find-rules.ts";
import { schemaProblem } from "./schema-problem.ts";
import type { ChartPin } from "./find-rules.ts";

export const RELEASES_SCHEMA = "railiance.ha-releases/1";
/** Where it is looked for, from the folder one stands in. */
export const RELEASES_FILE = "ha/releases.yaml";

const text = v.pipe(v.string(), v.trim(), v.minLength(1));
const Releases = v.strictObject({
  schema: v.literal(RELEASES_SCHEMA),
  releases: v.pipe(
    v.array(
      v.strictObject({
        /** `namespace/name`. */
        release: text,
        /** `name@version`, as it is meant to be installed. */
        chart: v.optional(text),
        /** In the order of helm's `-f`; relative to this file. */
        values: v.pipe(v.array(text), v.minLength(1)),
        /** Manifests with the Secrets that `existingSecret` values name; relative to this file. */
        manifests: v.optional(v.array(text), []),
        /** Secrets beyond those that the chart's rules know: keys they must have, and the value each key holds. */
        secrets: v.optional(
          v.array(
            v.strictObject({
              name: text,
              keys: v.pipe(
                v.array(v.strictObject({ key: text, value: v.optional(text) })),
                v.minLength(1),
              ),
            }),
          ),
          [],
        ),
      }),
    ),
    v.minLength(1),
  ),
});

export interface ReleaseName {
  readonly namespace: string;
  readonly name: string;
}

export interface DeclaredSecret {
  readonly name: string;
  readonly keys: readonly { readonly key: string; readonly value?: string | undefined }[];
}

export interface DeclaredRelease extends ReleaseName {
  readonly chart: ChartPin | undefined;
  /** Absolute. */
  readonly values: readonly string[];
  /** Absolute. */
  readonly manifests: readonly string[];
  readonly secrets: readonly DeclaredSecret[];
}

/** Reads `namespace/name`. Throws an OperatorError `RELEASE_INVALID`, exit usage. */
export function parseReleaseName(given: string): ReleaseName {
  const [namespace = "", name = "", ...rest] = given.split("/");
  const isName = (word: string): boolean => /^[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?$/.test(word);
  if (rest.length === 0 && isName(namespace) && isName(name)) return { namespace, name };
  throw new OperatorError("usage", "RELEASE_INVALID", `${given} is no release`, {
    hint: "write NAMESPACE/NAME, as helm list -A shows them",
  });
}

/**
 * Reads the file `path` (absolute) with `content`. Throws OperatorErrors, exit
 * usage: `RELEASES_INVALID` with the place, `RELEASE_INVALID`, `CHART_INVALID`.
 */
export function parseReleases(content: string, path: string): DeclaredRelease[] {
  const document = parseDocument(content, { prettyErrors: false, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) {
    throw invalid(`${path}:${content.slice(0, error.pos[0]).split("\n").length} is not YAML`);
  }
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  if (value === null) throw invalid(`${path} is empty; it must hold a list of releases`);
  const parsed = v.safeParse(Releases, value);
  if (!parsed.success) {
    throw invalid(`${path} does not list releases: ${schemaProblem(parsed.issues[0])}`);
  }
  const folder = dirname(path);
  const releases = parsed.output.releases.map((one): DeclaredRelease => ({
    ...parseReleaseName(one.release),
    chart: one.chart === undefined ? undefined : parsePin(one.chart),
    values: one.values.map((file) => resolve(folder, file)),
    manifests: one.manifests.map((file) => resolve(folder, file)),
    secrets: one.secrets,
  }));
  const names = releases.map(({ namespace, name }) => `${namespace}/${name}`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw invalid(`${path} lists ${twice} twice`);
  return releases;
}

function invalid(message: string): OperatorError {
  return new OperatorError("usage", "RELEASES_INVALID", message.replace(/\.$/, ""), {
    hint: "what it holds: railiance-cluster ha lint --help",
  });
}
