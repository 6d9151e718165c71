/** Who we are. `build/` replaces RAILIANCE_COMMIT when it compiles; run from sources there is none. */
import packageJson from "../package.json" with { type: "json" };

declare const RAILIANCE_COMMIT: string;

export const PROGRAM = "railiance-cluster";

export const VERSION: string = packageJson.version;

/** Short git commit the executable was built from, `-dirty` added when the tree had changes; undefined when run from sources. */
export const COMMIT: string | undefined =
  typeof RAILIANCE_COMMIT === "string" && RAILIANCE_COMMIT !== "" ? RAILIANCE_COMMIT : undefined;

/** `0.1.0 (3fa9c1e)`. */
export const FULL_VERSION: string = COMMIT === undefined ? VERSION : `${VERSION} (${COMMIT})`;

/** What `--version` prints. */
export const VERSION_LINE = `${PROGRAM} ${FULL_VERSION}\n`;
