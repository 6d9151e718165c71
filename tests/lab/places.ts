/** Where the lab keeps its things. All below `.lab`, which git ignores. */
import { existsSync, realpathSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

export const REPOSITORY = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const OWN_LAB = `${REPOSITORY}/.lab`;
/** Where it really lies: below /proc/PID/root a link would lead out of the server's mounts. */
export const LAB = existsSync(OWN_LAB) ? realpathSync(OWN_LAB) : OWN_LAB;
/** The parts and other programs that build.sh makes. */
export const BIN = `${LAB}/bin`;
/** The real one, built from its module (tests/lab/traefik). */
export const TRAEFIK = `${BIN}/traefik`;
export const RUNS = `${LAB}/run`;
export const TEMPLATES = `${LAB}/templates`;
/** The shipped executable, unless a test names another. */
export const EXECUTABLE = `${REPOSITORY}/dist/railiance-cluster`;

/** The `k3s` under test: the lab's stand-in, or a real one named by K3S_BIN. */
export function k3sBinary(): string {
  return process.env["K3S_BIN"] ?? `${BIN}/k3s`;
}

/** Why the lab cannot run on this machine; undefined when it can. */
export function labAvailable(): string | undefined {
  if (process.platform !== "linux") return "the lab needs Linux";
  if (process.getuid?.() !== 0) return "the lab needs root (systemd-nspawn, overlay mounts)";
  if (!existsSync("/usr/bin/systemd-nspawn")) {
    return "the lab needs systemd-nspawn: apt-get install systemd-container";
  }
  const named = process.env["K3S_BIN"];
  if (named !== undefined && !existsSync(named)) return `K3S_BIN names no file: ${named}`;
  if (!existsSync(`${BIN}/parts`) || !existsSync(k3sBinary())) {
    return "the lab is not built: run tests/lab/build.sh";
  }
  return undefined;
}

/**
 * Whether tests that need the lab are to be skipped, and says why. Under CI, and with a K3s
 * that was named, a missing lab is no reason to skip: the tests run, and fail.
 */
export function skipWithoutLab(): boolean {
  return skipFor(labAvailable());
}

/** The same for tests that need Traefik, which is built by itself. */
export function skipWithoutTraefik(): boolean {
  return skipFor(existsSync(TRAEFIK) ? undefined : "there is no Traefik: run tests/lab/build.sh");
}

function skipFor(reason: string | undefined): boolean {
  if (reason === undefined) return false;
  const mayBe = process.env["CI"] === undefined && process.env["K3S_BIN"] === undefined;
  process.stderr.write(`lab tests ${mayBe ? "skipped" : "will fail"}: ${reason}\n`);
  return mayBe;
}
