/** Starts something in a workplace, says where, and never ends by itself: programs.test.ts kills it. */
import { workplace } from "./programs.ts";

const work = workplace("root");
// A child of a child, in a session of its own, as databases have them.
work.start("parent", ["/bin/sh", "-c", "setsid sleep 600 & exec sleep 600"]);
console.log(work.folder);
setInterval(() => undefined, 1000);
