/** Tars as no backup writes them, for rows of the table. */
import { checksum } from "../../../src/archive/tar-header.ts";
import { END, join, member, put } from "../../helpers/tar.ts";
import { archiveOfTar, contentOf, partsOf } from "./build.ts";
import type { Content } from "./build.ts";
import type { Made } from "./row.ts";

export const CONFIG = "files/etc/rancher/k3s/config.yaml";

/** The tar of a whole archive with config.yaml's member changed. */
export async function tarWith(
  change: (one: Uint8Array, content: Content) => Uint8Array,
): Promise<Made> {
  const content = await contentOf("etcd");
  const at = content.manifest.entries.findIndex(({ path }) => path === CONFIG) + 2;
  const parts = partsOf(content);
  parts[at] = change(parts[at] ?? END, content);
  return archiveOfTar(content, ...parts);
}

/** Its header changed, and its checksum made right again. */
export const header =
  (edit: (block: Uint8Array) => void): (() => Promise<Made>) =>
  () =>
    tarWith((one) => {
      const copy = one.slice();
      edit(copy);
      put(copy, 148, `${checksum(copy.subarray(0, 512)).toString(8).padStart(6, "0")}\0 `);
      return copy;
    });

/** A pax header with these records before it. */
export const pax =
  (records: string, size = records.length): (() => Promise<Made>) =>
  () =>
    tarWith((one) =>
      join(
        member("pax", records.padEnd(size, "\0"), (block) => put(block, 156, "x")),
        one,
      ),
    );

/** A record of a pax header, with its length before it. */
export const record = (text: string): string => {
  const digits = String(text.length + 2).length;
  return `${text.length + digits + 2} ${text}\n`;
};

/** The whole archive with its parts changed. */
export const whole =
  (change: (parts: Uint8Array[]) => Uint8Array[]): (() => Promise<Made>) =>
  async () => {
    const content = await contentOf("etcd");
    return archiveOfTar(content, ...change(partsOf(content)));
  };
