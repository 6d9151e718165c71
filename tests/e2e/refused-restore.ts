/** A host on which restores are refused: after each of them K3s goes on running, and every file is what it was. */
import { afterAll, afterEach, beforeAll, expect } from "bun:test";
import { testKeys } from "../helpers/archive.ts";
import {
  fingerprint,
  hostWithBackup,
  isActive,
  leftovers,
  makeObject,
  objectsOf,
} from "./restore-host.ts";
import type { BareServer } from "../lab/server.ts";
import type { Backup } from "./restore-host.ts";

/** Where tests put archives that are not as they should be; emptied after each. */
export const BAD = "/root/bad";
/** Opens the archives that the tests make themselves. */
export const TEST_KEY = "/root/test-key.txt";

export interface RefusedRestores {
  readonly server: BareServer;
  readonly backup: Backup;
  /** File name and bytes of the backup's archive. */
  readonly name: string;
  readonly whole: Uint8Array;
  /** Puts a file into BAD, by default of the archive's name; gives its path. */
  give(bytes: Uint8Array, as?: string): string;
}

/** Registers the host for the tests around it, and what is looked at after each. Gives it once they run. */
export function refusedRestores(): () => RefusedRestores {
  let made: { readonly host: RefusedRestores; readonly untouched: State } | undefined;
  const get = () => {
    if (made === undefined) throw new Error("the host is made before the first test");
    return made;
  };
  beforeAll(async () => {
    const host = await makeHost();
    made = { host, untouched: await stateOf(host.server) };
  }, 120_000);
  afterAll(() => get().host.server[Symbol.asyncDispose]());
  afterEach(async () => {
    const { host, untouched } = get();
    host.server.remove(BAD);
    expect(await isActive(host.server)).toBe(true);
    expect(await stateOf(host.server)).toEqual(untouched);
    expect(await leftovers(host.server)).toBe("");
  });
  return () => get().host;
}

async function makeHost(): Promise<RefusedRestores> {
  const { server, backup } = await hostWithBackup();
  const name = backup.archive.slice(backup.archive.lastIndexOf("/") + 1);
  server.write(TEST_KEY, `${(await testKeys()).identity}\n`);
  await makeObject(server, "later");
  return {
    server,
    backup,
    name,
    whole: new Uint8Array(server.readBytes(backup.archive)), // slice() of a Buffer is no copy
    give(bytes, as = name) {
      server.write(`${BAD}/${as}`, bytes);
      return `${BAD}/${as}`;
    },
  };
}

interface State {
  readonly files: string;
  readonly objects: string;
  /** K3s was not even restarted. */
  readonly started: string;
}

async function stateOf(server: BareServer): Promise<State> {
  return {
    files: await fingerprint(server),
    objects: await objectsOf(server),
    started: await server.must("systemctl show k3s -p ExecMainStartTimestampMonotonic"),
  };
}
