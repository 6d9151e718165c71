/** Questions on a real pseudo-terminal (util-linux `script`). */
import { describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { run } from "./program.ts";

const CHILD = [process.execPath, fileURLToPath(new URL("ask-child.ts", import.meta.url))];

/** Types each piece once the screen shows what it waits for; returns the whole screen. */
function onTerminal(
  flags: string,
  typing: readonly { readonly after: string; readonly keys: string }[],
): Promise<string> {
  const child = spawn("/usr/bin/script", ["-qec", `${CHILD.join(" ")} ${flags}`, "/dev/null"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { PATH: "/usr/bin:/bin", TERM: "xterm" },
  });
  let screen = "";
  const waiting = [...typing];
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", () => resolve(screen.replaceAll("\r", "")));
    child.stdout.on("data", (chunk: Uint8Array) => {
      screen += new TextDecoder().decode(chunk);
      if (waiting[0] !== undefined && screen.includes(waiting[0].after)) {
        child.stdin.write(waiting.shift()?.keys ?? "");
      }
    });
  });
}

describe("ask()", () => {
  test("reads a line, and the next one", async () => {
    const screen = await onTerminal("--twice", [
      { after: "Name? ", keys: "prod\r" },
      { after: "Again? ", keys: "yes\r" },
    ]);
    expect(screen).toContain('got ["prod","yes"]');
  });

  test("does not show a passphrase while it is typed, and takes back letters", async () => {
    const screen = await onTerminal("--hidden", [{ after: "Name? ", keys: "secretx\u007f\r" }]);
    expect(screen).toBe('Name? \ngot ["secret"]\n');
  });

  test("shows what is typed after a hidden question again", async () => {
    const screen = await onTerminal("--hidden --twice", [
      { after: "Name? ", keys: "secret\r" },
      { after: "Again? ", keys: "plain\r" },
    ]);
    expect(screen).toBe('Name? \nAgain? plain\ngot ["secret","plain"]\n');
  });

  test("ends on Ctrl-C, hidden or not", async () => {
    const shown = await onTerminal("", [{ after: "Name? ", keys: "\u0003" }]);
    expect(shown).toContain("got refused: stopped by SIGINT");
    const hidden = await onTerminal("--hidden", [{ after: "Name? ", keys: "\u0003" }]);
    expect(hidden).toContain("got refused: stopped at the question");
  });

  test("asks nobody where stderr is no terminal", async () => {
    expect((await run(CHILD)).stdout).toBe("got nobody\n");
  });
});
