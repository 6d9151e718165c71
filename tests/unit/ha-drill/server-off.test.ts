/** A server that was switched off has to be seen to be gone: real ports, and a way there that can be cut. */
import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { serverVictim } from "../../../src/ha/kill/server.ts";
import { failureOf } from "../../helpers/errors.ts";
import { testHost } from "../../helpers/host.ts";
import type { OnServer } from "../../../src/ha/kill/server.ts";

const FIRST = "11111111-2222-3333-4444-555555555555";
const SECOND = "66666666-2222-3333-4444-555555555555";

/** A machine with one port, whose way in gives its boot; `boot` undefined: the way is dead. */
async function machine() {
  const listener = createServer();
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  const address = listener.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const state: { boot: string | undefined; commands: string[] } = { boot: FIRST, commands: [] };
  const host = testHost();
  const onServer: OnServer = (command, timeout) => {
    state.commands.push(command.join(" "));
    if (state.boot === undefined) return host.run(["false"], { timeout });
    return host.run(command[0] === "cat" ? ["echo", state.boot] : ["true"], { timeout });
  };
  return {
    state,
    victim: serverVictim({ name: "s1", host: "127.0.0.1", port: undefined }, onServer, {
      ports: [port],
    }),
    closePort: () => new Promise((resolve) => listener.close(resolve)),
    [Symbol.asyncDispose]: async () => void (listener.listening && listener.close()),
  };
}

describe("a server that was switched off", () => {
  test("is gone once its ports are silent and no command reaches it", async () => {
    await using one = await machine();
    await one.victim.kill();
    expect(one.state.commands.at(-1)).toBe("systemctl poweroff --force --force");
    one.state.boot = undefined;
    await one.closePort();
    expect(await one.victim.gone?.()).toBe(true);
  });

  test("that lives on is not gone, whatever became of the leadership", async () => {
    await using one = await machine();
    await one.victim.kill();
    expect(await one.victim.gone?.()).toBe(false);
  });

  test("is not gone when only the way there is cut, nor when only its programs ended", async () => {
    await using one = await machine();
    await one.victim.kill();
    one.state.boot = undefined;
    expect(await one.victim.gone?.()).toBe(false);
    one.state.boot = FIRST;
    await one.closePort();
    expect(await one.victim.gone?.()).toBe(false);
  });

  test("and came back at once was gone: it is another boot", async () => {
    await using one = await machine();
    await one.victim.kill();
    one.state.boot = SECOND;
    expect(await one.victim.gone?.()).toBe(true);
  });
});

test("a server that no command reaches is not switched off: nobody could tell afterwards", async () => {
  await using one = await machine();
  one.state.boot = undefined;
  const failure = await failureOf(() => one.victim.kill());
  expect([failure.code, failure.message]).toEqual([
    "KILL_FAILED",
    expect.stringContaining("no command reaches the server s1"),
  ]);
  expect(one.state.commands.join()).not.toContain("poweroff");
});
