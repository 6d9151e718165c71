/** Finding the rules for a chart, shipped ones and those of one's own. */
import { describe, expect, test } from "bun:test";
import { satisfies } from "semver";
import { stringify } from "yaml";
import { checkRules } from "../../../src/ha/check-rules.ts";
import { parsePin, parseRules, requireSets } from "../../../src/ha/find-rules.ts";
import { shippedRules } from "../../../src/ha/rules/all.ts";
import { failureOf } from "../../helpers/errors.ts";
import { values } from "./support.ts";
import type { JsonMap } from "./support.ts";

describe("shipped rules", () => {
  test("say what they rest on, and no two sets are for one version of a chart", () => {
    for (const { chart, sets } of shippedRules()) {
      const majors = Array.from({ length: 60 }, (_, major) => parsePin(`${chart}@${major}.5.0`));
      for (const pin of majors) {
        const found = sets.filter((one) => satisfies(pin.version, one.versions));
        expect([pin, found.length <= 1]).toEqual([pin, true]);
      }
      for (const { source } of sets) expect(source.length).toBeGreaterThan(40);
    }
  });

  test("say so when there are none for a chart or a version, instead of finding nothing", async () => {
    const none = await failureOf(() => requireSets(shippedRules(), parsePin("shop@1.0.0")));
    expect([none.exit, none.code]).toEqual(["usage", "NO_RULES"]);
    expect(none.hint).toContain("postgresql-ha");
    const version = await failureOf(() => requireSets(shippedRules(), parsePin("redis@99.0.0")));
    expect(version.hint).toContain(">=17 <22");
    // A prerelease of a version in range counts as in range.
    expect(requireSets(shippedRules(), parsePin("redis@20.0.0-rc.1"))).toHaveLength(1);
    for (const wrong of ["redis", "redis@", "redis@latest", "@1.0.0", "redis@1.2"]) {
      expect((await failureOf(() => parsePin(wrong))).code).toBe("CHART_INVALID");
    }
  });
});

describe("a rules file of one's own", () => {
  const rule = {
    id: "replicas",
    check: "minimum",
    path: "web.replicas",
    min: 2,
    says: "s",
    hint: "h",
  };
  const file = (change: JsonMap): string =>
    stringify({
      schema: "railiance.ha-rules/1",
      chart: "shop",
      sets: [{ versions: ">=1 <2", source: "us", rules: [rule] }],
      ...change,
    });

  test("is applied like a shipped one", () => {
    const own = parseRules(file({}), "own.yaml");
    const [found] = requireSets([own], parsePin("shop@1.5.0"));
    const findings = checkRules(
      values("web:\n  replicas: 1\n"),
      found ?? { versions: "", source: "", rules: [], secrets: [] },
      {
        chart: "shop",
        version: "1.5.0",
      },
    );
    expect(findings.map(({ id, at }) => [id, at?.line])).toEqual([["shop/replicas", 2]]);
  });

  test("may look into a list, and take the first of several paths that is given", () => {
    const rules = [
      {
        ...rule,
        check: "noneOf",
        path: "web.hosts.1",
        min: undefined,
        values: ["old"],
        when: [{ path: ["global.enabled", "web.enabled"], default: true, is: [true] }],
      },
    ];
    const sets = [{ versions: "1", source: "us", rules }];
    const [own] = parseRules(file({ sets: JSON.parse(JSON.stringify(sets)) }), "own.yaml").sets;
    const lines = (text: string): (number | undefined)[] =>
      own === undefined
        ? []
        : checkRules(values(text), own, { chart: "shop", version: "1.0.0" }).map(
            ({ at }) => at?.line,
          );
    expect(lines("web:\n  hosts:\n    - new\n    - old\n")).toEqual([4]);
    expect(lines("web:\n  hosts: [old, new]\n")).toEqual([]);
    expect(lines("web:\n  hosts: {1: x}\n")).toEqual([]);
    expect(lines("global: {enabled: false}\nweb: {enabled: true, hosts: [new, old]}\n")).toEqual(
      [],
    );
    expect(lines("global: {enabled: true}\nweb: {enabled: false, hosts: [new, old]}\n")).toEqual([
      2,
    ]);
    expect(lines("web: {enabled: false, hosts: [new, old]}\n")).toEqual([]);
  });

  test("knows that limits do not bring back a budget that is switched off", () => {
    const budget = { ...rule, check: "budget", path: undefined, min: undefined };
    const sets = [
      {
        versions: "1",
        source: "us",
        rules: [{ ...budget, create: "pdb.create", limits: ["pdb.minAvailable"] }],
      },
    ];
    const [own] = parseRules(file({ sets: JSON.parse(JSON.stringify(sets)) }), "own.yaml").sets;
    const check = (text: string): number =>
      own === undefined
        ? -1
        : checkRules(values(text), own, { chart: "shop", version: "1.0.0" }).length;
    expect(check("pdb: {minAvailable: 1}\n")).toBe(0);
    expect(check("pdb: {create: true}\n")).toBe(0);
    expect(check("pdb: {create: false, minAvailable: 1}\n")).toBe(1);
    expect(check("pdb: {}\n")).toBe(1);
  });

  test("that is wrong is refused with the place", async () => {
    const wrong: [string, string][] = [
      [file({ schema: "other" }), "schema"],
      [file({ extra: 1 }), "extra is not known"],
      [
        file({ sets: [{ versions: "newest", source: "us" }] }),
        "sets.0.versions is no range of versions",
      ],
      [
        file({ sets: [{ versions: "1", source: "us", rules: [{ ...rule, min: "2" }] }] }),
        "sets.0.rules.0.min must be number",
      ],
      [
        file({ sets: [{ versions: "1", source: "us", rules: [{ ...rule, path: "a b" }] }] }),
        "is no path",
      ],
      ["a: [\n", "own.yaml:"],
    ];
    for (const [text, says] of wrong) {
      const failure = await failureOf(() => parseRules(text, "own.yaml"));
      expect([failure.code, failure.exit]).toEqual(["RULES_INVALID", "usage"]);
      expect(failure.message).toContain(says);
    }
  });
});
