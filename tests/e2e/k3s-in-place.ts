/** A script in K3s's place: it sees every call, and what it does not answer itself goes on to K3s. */
import { JOURNAL } from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";

const PLACE = "/usr/local/bin/k3s";
/** Where K3s lies then; `$real` in the script. */
export const REAL = `${PLACE}.real`;

/** As settings: `$reset` is yes in the reset of a restore, `$restored` in a start of what it restored. */
export const IN_A_RESTORE = `reset=; restored=
case "$*" in *--cluster-reset*) reset=yes;; server*) [ -e ${JOURNAL} ] && ! grep -q '"type":"rollback"' ${JOURNAL} && restored=yes;; esac`;

/**
 * Moves K3s out of its place. Gives what puts a script there (bash, before K3s is called); an empty
 * one only passes on. `settings` stand before each of them.
 */
export async function inPlaceOfK3s(
  server: BareServer,
  settings = "",
): Promise<(script: string) => void> {
  await server.must(`mv ${PLACE} ${REAL}`);
  const wrap = (script: string): void => {
    const lines = ["#!/bin/bash", `real=${REAL}`, settings, script, 'exec $real "$@"', ""];
    server.write(PLACE, lines.join("\n"), 0o755);
  };
  wrap("");
  return wrap;
}

/** Puts K3s back. */
export async function backInPlace(server: BareServer): Promise<void> {
  await server.must(`mv ${REAL} ${PLACE}`);
}
