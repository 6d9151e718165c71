/** `ha lint` over files: lists of releases, manifests, rules of one's own, encrypted files. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Encrypter, generateIdentity, identityToRecipient } from "age-encryption";
import { haLint } from "../../../src/app/ha-lint.ts";
import { testContext } from "../../helpers/context.ts";
import { failureOf } from "../../helpers/errors.ts";
import { withFolder } from "../../helpers/folder.ts";
import type { LintOptions, LintResult } from "../../../src/app/ha-lint.ts";
import type { TestContext } from "../../helpers/context.ts";

type Files = Readonly<Record<string, string | Uint8Array>>;

const RULES = `schema: railiance.ha-rules/1
chart: shop
sets:
  - versions: ">=1 <2"
    source: a test
    rules:
      - {id: replicas, check: minimum, path: web.replicas, min: 2, default: 1, says: one server, hint: put two}
    secrets:
      - id: login
        existing: [web.existingSecret]
        keys: [{key: password, values: [web.password], says: no password}]
`;
const GOOD = "web: {replicas: 2, password: x}\n";

function lint(
  files: Files,
  options: (folder: string) => Partial<LintOptions> = () => ({}),
  context: TestContext = testContext(),
): Promise<LintResult> {
  return withFolder(async (folder) => {
    for (const [name, content] of Object.entries({ "rules.yaml": RULES, ...files })) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    return haLint(context, {
      target: undefined,
      releasesFile: join(folder, "ha/releases.yaml"),
      rulesFiles: [join(folder, "rules.yaml")],
      identityFiles: [],
      workingDirectory: folder,
      ...options(folder),
    });
  });
}

const list = (...releases: string[]): string =>
  `schema: railiance.ha-releases/1\nreleases:\n${releases.map((one) => `  - ${one}\n`).join("")}`;
const target =
  (manifests: readonly string[] = [], values: readonly string[] = ["web.yaml"]) =>
  (folder: string): Partial<LintOptions> => ({
    target: {
      chart: "shop@1.2.3",
      values: values.map((name) => join(folder, name)),
      manifests: manifests.map((name) => join(folder, name)),
    },
  });
const ids = (result: LintResult): string[] =>
  result.charts.flatMap(({ findings }) =>
    findings.map(({ id, at }) => `${id} ${at?.file}:${at?.line}`),
  );

describe("ha lint", () => {
  test("checks every release of the list that has rules, files relative to the list, and names the others", async () => {
    const result = await lint({
      "ha/releases.yaml": list(
        "{release: a/one, chart: shop@1.0.0, values: [../v/one.yaml]}",
        "{release: a/two, chart: shop@1.0.0, values: [../v/one.yaml, two.yaml]}",
        "{release: a/three, chart: other@1.0.0, values: [two.yaml]}",
        "{release: a/four, values: [two.yaml]}",
      ),
      "v/one.yaml": "\nweb: {password: x}\n",
      "ha/two.yaml": "web: {replicas: 3}\n",
    });
    expect(ids(result)).toEqual(["shop/replicas v/one.yaml:2"]);
    expect(result.charts.map(({ release, rules }) => [release, rules])).toEqual([
      ["a/one", 2],
      ["a/two", 2],
    ]);
    expect(result.skipped).toEqual([
      { release: "a/three", why: "there are no rules for other" },
      { release: "a/four", why: "it names no chart" },
    ]);
  });

  test("finds a version of the list that the rules of its chart are not for, beside one that is well", async () => {
    const result = await lint({
      "ha/releases.yaml": list(
        "{release: a/one, chart: shop@1.0.0, values: [one.yaml]}",
        "{release: a/two, chart: shop@3.0.0, values: [one.yaml]}",
      ),
      "ha/one.yaml": GOOD,
    });
    expect(result.charts.map(({ findings }) => findings.map(({ id }) => id))).toEqual([
      [],
      ["shop/no-rules"],
    ]);
    const [finding] = result.charts[1]?.findings ?? [];
    expect(finding?.message).toBe(
      "there are no rules for shop 3.0.0, so nothing of a/two was checked",
    );
    expect(finding?.hint).toContain("its versions >=1 <2");
  });

  test("is no pass when nothing could be checked, or a release is listed twice", async () => {
    const one = "{release: a/one, chart: other@1.0.0, values: [one.yaml]}";
    const files = { "ha/releases.yaml": list(one), "ha/one.yaml": "" };
    expect((await failureOf(() => lint(files))).code).toBe("NOTHING_CHECKED");
    const twice = { ...files, "ha/releases.yaml": list(one, one) };
    expect((await failureOf(() => lint(twice))).message).toContain("lists a/one twice");
  });

  test("looks for the keys of an existing Secret in manifests, and says which it could not see", async () => {
    const values = { "web.yaml": "web: {replicas: 2, existingSecret: login}\n" };
    const unseen = await lint(values, target());
    expect([ids(unseen), unseen.charts[0]?.unseen]).toEqual([
      [],
      [{ name: "login", keys: ["password"] }],
    ]);
    const secret = (key: string): string =>
      `kind: ConfigMap\n---\nkind: List\nitems:\n- kind: Secret\n  metadata: {name: login}\n  data: {${key}: eA==}\n`;
    const good = await lint({ ...values, "s.yaml": secret("password") }, target(["s.yaml"]));
    expect([ids(good), good.charts[0]?.unseen]).toEqual([[], []]);
    const bad = await lint({ ...values, "s.yaml": secret("passwd") }, target(["s.yaml"]));
    expect(ids(bad)).toEqual(["shop/login.existing-secret s.yaml:5"]);
  });

  test("tells keys given twice, and several documents in one file", async () => {
    const context = testContext();
    const text = `${GOOD}---\nweb:\n  replicas: 3\n  replicas: 2\n`;
    const result = await lint({ "web.yaml": text }, target(), context);
    expect(ids(result)).toEqual(["values/duplicate-key web.yaml:5"]);
    const codes = context.said.map((event) => (event.type === "warning" ? event.code : ""));
    expect(codes).toContain("VALUES_SEVERAL_DOCUMENTS");
  });

  test("opens a file that age encrypted whole with a key from where SOPS has it", async () => {
    const secret = await generateIdentity();
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(secret));
    const files = { "web.yaml": await encrypter.encrypt(GOOD) };
    const context = testContext({ env: { SOPS_AGE_KEY: secret } });
    expect(ids(await lint(files, target(), context))).toEqual([]);
    const locked = await failureOf(() => lint(files, target()));
    expect([locked.exit, locked.message]).toEqual(["key", "no key at hand opens web.yaml"]);
  });
});
