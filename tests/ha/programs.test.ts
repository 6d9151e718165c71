/** What these tests start ends with them, however they end. */
import { expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { firstOutgoing, freePort } from "./stack/ports.ts";
import { processesOf, until, workplace } from "./stack/programs.ts";

const WAIT = 120_000;
const GRANDCHILD = ["/bin/sh", "-c", "setsid sleep 600 & exec sleep 600"];

test(
  "a workplace ends its programs and their children, and is gone",
  async () => {
    let folder = "";
    {
      await using work = workplace("root");
      folder = work.folder;
      work.start("parent", GRANDCHILD);
      await until("both", () => processesOf(folder).length >= 2);
    }
    expect(processesOf(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  },
  WAIT,
);

test(
  "a test that is killed leaves no process and no folder",
  async () => {
    const script = new URL("stack/abandoned.ts", import.meta.url).pathname;
    const child = spawn(process.execPath, [script], { stdio: ["ignore", "pipe", "inherit"] });
    let folder = "";
    child.stdout.on("data", (chunk: Uint8Array) => (folder += Buffer.from(chunk).toString()));
    await until("both", () => folder !== "" && processesOf(folder.trim()).length >= 2);
    child.kill("SIGKILL");
    await until("their end", () => processesOf(folder.trim()).length === 0);
    await until("the end of the folder", () => !existsSync(folder.trim()));
  },
  WAIT,
);

test("freePort() gives a port once, and none that an outgoing connection could take before it is bound", async () => {
  const ports: number[] = [];
  for (let count = 0; count < 2000; count += 1) ports.push(await freePort());
  expect(new Set(ports).size).toBe(ports.length);
  expect(Math.max(...ports)).toBeLessThan(firstOutgoing());
});

test("freePort() passes over a port that is taken", async () => {
  const taken = (await freePort()) + 1;
  using server = Bun.listen({ hostname: "127.0.0.1", port: taken, socket: { data() {} } });
  expect(await freePort()).not.toBe(server.port);
});
