/** Colour and glyphs, decided once from what the stream and the environment can show. */

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  readonly glyphs: Glyphs;
}

export interface Glyphs {
  readonly done: string;
  readonly failed: string;
  readonly warning: string;
  readonly spinner: readonly string[];
  readonly full: string;
  readonly empty: string;
}

const UNICODE: Glyphs = {
  done: "✔",
  failed: "✘",
  warning: "!",
  spinner: ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"],
  full: "█",
  empty: "░",
};

const ASCII: Glyphs = {
  done: "ok",
  failed: "error:",
  warning: "warning:",
  spinner: ["|", "/", "-", "\\"],
  full: "#",
  empty: ".",
};

export interface StyleChoice {
  readonly isTerminal: boolean;
  /** `--no-color` was given. */
  readonly noColor: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * NO_COLOR counts with any value that is not empty (no-color.org) and wins
 * over FORCE_COLOR; a dumb terminal gets no colour. Glyphs beyond ASCII only
 * when the locale says UTF-8.
 */
export function chooseStyle(choice: StyleChoice): Style {
  const paint = wantsColor(choice)
    ? (code: number, end: number) => (text: string) => `\u001b[${code}m${text}\u001b[${end}m`
    : () => (text: string) => text;
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    glyphs: isUtf8(choice.env) ? UNICODE : ASCII,
  };
}

function wantsColor({ isTerminal, noColor, env }: StyleChoice): boolean {
  if (noColor || (env["NO_COLOR"] ?? "") !== "") return false;
  const forced = env["FORCE_COLOR"] ?? "";
  if (forced !== "") return forced !== "0";
  return isTerminal && env["TERM"] !== "dumb";
}

function isUtf8(env: StyleChoice["env"]): boolean {
  // The first that is set and not empty decides (POSIX, Environment Variables 8.2).
  const locale = [env["LC_ALL"], env["LC_CTYPE"], env["LANG"]].find(
    (value) => (value ?? "") !== "",
  );
  return /utf-?8/i.test(locale ?? "");
}
