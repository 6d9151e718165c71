/** The files of a host as they are, or as they will be once a restore has put its own in place. */
import { namesIn, readTextIfPresent } from "../sys/files.ts";

export interface FileView {
  /** The text of a file, or undefined when there is none. */
  text(path: string): Promise<string | undefined>;
  /** Names in a folder, sorted; empty when there is no such folder. */
  names(folder: string): Promise<string[]>;
}

/** This host as it is. */
export const HOST_FILES: FileView = { text: readTextIfPresent, names: namesIn };

/** The same files without one of them. */
export function without(view: FileView, hidden: string): FileView {
  return {
    text: (path) => (path === hidden ? Promise.resolve(undefined) : view.text(path)),
    names: async (folder) =>
      (await view.names(folder)).filter((name) => `${folder}/${name}` !== hidden),
  };
}

/** The same files with some laid over them: absolute path to text. */
export function overlaid(below: FileView, above: ReadonlyMap<string, string>): FileView {
  return {
    text: async (path) => above.get(path) ?? (await below.text(path)),
    async names(folder) {
      const prefix = `${folder}/`;
      const added = [...above.keys()]
        .filter((path) => path.startsWith(prefix))
        .map((path) => path.slice(prefix.length).split("/")[0] ?? "");
      return [...new Set([...(await below.names(folder)), ...added])].sort();
    },
  };
}
