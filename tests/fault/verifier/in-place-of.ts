/**
 * Preloaded by a program (`bun --preload`): one module of its sources is read from another file.
 * `MODULE` and `IN_PLACE_OF_IT` are absolute paths.
 */
import { readFileSync } from "node:fs";
import { plugin } from "bun";

const { MODULE: module = "", IN_PLACE_OF_IT: other = "" } = process.env;

await plugin({
  name: "in-place-of",
  setup(build) {
    const filter = new RegExp(`^${module.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`);
    build.onLoad({ filter }, () => ({ contents: readFileSync(other, "utf8"), loader: "ts" }));
  },
});
