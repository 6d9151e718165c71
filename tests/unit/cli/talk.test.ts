import { describe, expect, test } from "bun:test";
import { chooseStyle } from "../../../src/cli/style.ts";
import { chooseTalk } from "../../../src/cli/talk.ts";
import { fakeTerminal } from "./helpers.ts";
import type { Talk } from "../../../src/cli/talk.ts";
import type { Terminal } from "../../../src/sys/terminal.ts";

/** Talk on a fake terminal whose clock moves only when told. */
function talking(
  options: { terminal?: Partial<Terminal>; quiet?: boolean; env?: Record<string, string> } = {},
) {
  const terminal = fakeTerminal(options.terminal);
  let clock = 0;
  const talk: Talk = chooseTalk({
    terminal,
    style: chooseStyle({
      isTerminal: false,
      noColor: true,
      env: options.env ?? { LANG: "C.UTF-8" },
    }),
    quiet: options.quiet ?? false,
    monotonic: () => clock,
  });
  return { talk, pass: (ms: number) => (clock += ms), text: () => terminal.stderr.join("") };
}

describe("talk in a pipe", () => {
  test("is one plain line an event, with the time a step took", () => {
    const { talk, pass, text } = talking();
    talk.event({ type: "step", text: "reading helm releases" });
    pass(600);
    talk.event({ type: "done", text: "14 helm releases" });
    talk.event({ type: "note", text: "by the way" });
    talk.event({ type: "warning", code: "W", message: "careful", hint: "do this\nthen that" });
    talk.error({ message: "it broke", hint: "mend it" });
    expect(text()).toBe(
      "14 helm releases (0.6 s)\nby the way\nwarning: careful\n  do this\n  then that\nerror: it broke\n  mend it\n",
    );
  });

  test("announces a step that takes long, so that the last line tells where it hangs", async () => {
    const { talk, text } = talking();
    talk.event({ type: "step", text: "waiting for k3s" });
    await new Promise((resolve) => setTimeout(resolve, 1_100));
    talk.clear();
    expect(text()).toBe("waiting for k3s ...\n");
  });

  test("reports progress at most every half minute", () => {
    const { talk, pass, text } = talking();
    talk.event({ type: "step", text: "saving" });
    talk.event({ type: "progress", done: 1e6, total: 4e6 });
    pass(30_000);
    talk.event({ type: "progress", done: 2e6, total: 4e6 });
    talk.event({ type: "progress", done: 3e6, total: 4e6 });
    talk.clear();
    expect(text()).toBe("saving: 2.0 MB of 4.0 MB\n");
  });

  test("gives every line its priority under the journal", () => {
    const { talk, text } = talking({ terminal: { stderrIsJournal: true } });
    talk.event({ type: "done", text: "saved" });
    talk.event({ type: "warning", code: "W", message: "careful", hint: "look" });
    talk.error({ message: "it broke", hint: "mend it" });
    expect(text()).toBe(
      "<6>saved (0.0 s)\n<4>warning: careful\n<4>  look\n<3>error: it broke\n<3>  mend it\n",
    );
  });

  test("with --quiet says only warnings and errors", () => {
    const { talk, text } = talking({ quiet: true });
    talk.event({ type: "step", text: "a" });
    talk.event({ type: "done", text: "b" });
    talk.event({ type: "note", text: "c" });
    talk.event({ type: "warning", code: "W", message: "d" });
    talk.error({ message: "e" });
    expect(text()).toBe("warning: d\nerror: e\n");
  });

  test("shows control characters from outside instead of sending them", () => {
    const { talk, text } = talking();
    talk.event({ type: "note", text: "a\u001b[2Jb\nc" });
    talk.error({ message: "x\u0007", hint: "y\u001b" });
    expect(text()).toBe("a\\u{1b}[2Jb\\nc\nerror: x\\u{7}\n  y\\u{1b}\n");
  });
});

describe("talk on a terminal", () => {
  const terminal = { stderrIsTerminal: true };

  test("is a mark, the facts and the time at the right edge", () => {
    const { talk, pass, text } = talking({ terminal });
    talk.event({ type: "step", text: "reading" });
    pass(1_200);
    talk.event({ type: "done", text: "14 helm releases" });
    talk.clear();
    const line = text().trimEnd();
    expect(line).toMatch(/^✔ 14 helm releases +1\.2 s$/);
    expect(Array.from(line)).toHaveLength(59);
  });

  test("shows nothing that moves for quick steps", () => {
    const { talk, pass, text } = talking({ terminal });
    talk.event({ type: "step", text: "quick" });
    pass(300);
    talk.event({ type: "progress", done: 1, total: 2 });
    talk.clear();
    expect(text()).toBe("");
  });

  test("draws a bar for slow steps and takes it back before the next line", () => {
    const { talk, pass, text } = talking({ terminal });
    talk.event({ type: "step", text: "saving" });
    pass(2_000);
    talk.event({ type: "progress", done: 50e6, total: 100e6 });
    talk.event({ type: "warning", code: "W", message: "careful" });
    talk.clear();
    expect(text()).toBe(
      "\r\u001b[K⠋ saving  ██████████░░░░░░░░░░ 50 %  25 MB/s\r\u001b[K! careful\n",
    );
  });

  test("never draws a line wider than the terminal", () => {
    const { talk, pass, text } = talking({ terminal: { ...terminal, columns: () => 44 } });
    talk.event({ type: "step", text: "a very long step ".repeat(9) });
    pass(2_000);
    talk.event({ type: "progress", done: 50e6, total: 100e6 });
    talk.clear();
    const drawn = text().split("\u001b[K")[1] ?? "";
    expect(Array.from(drawn.replace("\r", "")).length).toBeLessThan(44);
  });

  test("uses ASCII where the locale knows nothing else", () => {
    const { talk, text } = talking({ terminal, env: {} });
    talk.event({ type: "done", text: "saved" });
    talk.error({ message: "it broke" });
    expect(text()).toMatch(/^ok saved +0\.0 s\nerror: it broke\n$/);
  });

  test("copes with progress of an unknown total", () => {
    const { talk, pass, text } = talking({ terminal });
    talk.event({ type: "step", text: "saving" });
    pass(2_000);
    talk.event({ type: "progress", done: 0, total: 0 });
    talk.clear();
    expect(text()).toContain(" 0 %");
  });
});
