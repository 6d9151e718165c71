/** Which files of an archive an operator means: an exact path, a folder, or a pattern. */

/**
 * Whether `path` is `pattern`, lies below it as a folder, or matches it as a
 * glob: `*` and `?` within one part, `**` across parts.
 */
export function matchesPattern(path: string, pattern: string): boolean {
  const plain = pattern.replace(/^\.\//, "").replace(/\/+$/, "");
  if (path === plain || path.startsWith(`${plain}/`)) return true;
  return /[*?]/.test(plain) && globExpression(plain).test(path);
}

function globExpression(glob: string): RegExp {
  const source = glob
    .split(/(\*\*\/|\*\*|\*|\?)/)
    .map((piece) => {
      if (piece === "**/") return "(?:[^/]+/)*";
      if (piece === "**") return ".*";
      if (piece === "*") return "[^/]*";
      if (piece === "?") return "[^/]";
      return piece.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
    })
    .join("");
  return new RegExp(`^${source}$`, "s");
}
