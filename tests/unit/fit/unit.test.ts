/** A restore does not begin when nothing on the host could start K3s in the end. */
import { describe, expect, test } from "bun:test";
import { requireUnit } from "../../../src/app/fit-unit.ts";
import { failureOf } from "../../helpers/errors.ts";
import { testHost } from "../../helpers/host.ts";
import { testSettings } from "../../helpers/settings.ts";

const context = {
  host: testHost({ path: "/bin" }),
  talk: () => undefined,
  ask: undefined,
};
const settings = { ...testSettings({}), k3s: "/bin/sh" };

describe("requireUnit()", () => {
  test("takes a unit whose program is there", async () => {
    await requireUnit(context, settings);
  });

  test("refuses a host without a unit, and one whose unit starts what is not there", async () => {
    const without = await failureOf(() => requireUnit(context, { ...settings, unit: undefined }));
    expect([without.code, without.exit]).toEqual(["NO_UNIT", "precondition"]);
    const other = await failureOf(() => requireUnit(context, { ...settings, k3s: "/none/k3s" }));
    expect([other.code, other.exit]).toEqual(["UNIT_PROGRAM", "precondition"]);
  });
});
