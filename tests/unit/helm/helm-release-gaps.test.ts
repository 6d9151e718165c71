import { describe, expect, test } from "bun:test";
import { OperatorError } from "../../../src/errors.ts";
import { helmReleasesAsset } from "../../../src/assets/helm-releases.ts";
import { collect, page, standIn } from "./stand-in.ts";
import {
  SECRETS,
  CONFIG_MAPS,
  SECRET,
  record,
  serving,
  codes,
  expectNoSecret,
} from "./release-support.ts";

describe("a helm release record that cannot be decoded", () => {
  test("is a gap that names it, is saved all the same, and hides no other", async () => {
    await using server = await serving([
      record(),
      record({ revision: 2, payload: `${SECRET}!` }),
      record({ name: "other" }),
    ]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASE_UNREADABLE"]);
    expect(collected.gaps[0]?.message).toContain("apps/web revision 2");
    expectNoSecret(collected);
    expect(collected.files.has("helm/apps/web/records/2.json")).toBe(true);
    expect(collected.releases.map((line) => `${line.name} ${line.revision}`)).toEqual([
      "web 1",
      "other 1",
    ]);
    const history: unknown = JSON.parse(collected.files.get("helm/apps/web/history.json") ?? "");
    expect(JSON.stringify(history)).toContain(
      '{"revision":2,"status":"deployed","readable":false}',
    );
  });

  test("may be the only one of its release", async () => {
    await using server = await serving([record({ payload: "" })]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASE_UNREADABLE"]);
    expect([...collected.files.keys()].toSorted()).toEqual([
      "helm/apps/web/history.json",
      "helm/apps/web/records/1.json",
    ]);
  });

  test("may lack its data, or its Secret's own base64 may be damaged", async () => {
    const noData = { ...record(), data: null };
    const noBase64 = { ...record({ name: "b" }), data: { release: `${SECRET}!` } };
    await using server = await serving([noData, noBase64]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASE_UNREADABLE", "HELM_RELEASE_UNREADABLE"]);
    expectNoSecret(collected);
  });

  test("may not even say whose it is", async () => {
    const odd = record({ objectName: "odd", payload: "" });
    await using server = await serving([odd]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(collected.gaps[0]?.message).toContain("Secret apps/odd");
    expect([...collected.files.keys()]).toEqual(["helm/apps/_records/secret-odd.json"]);
  });

  test("is left out when its name could lead out of its folder", async () => {
    await using server = await serving([
      record({ name: "../../etc" }),
      record({ namespace: "../x" }),
      record(),
    ]);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASE_NAME", "HELM_RELEASE_NAME"]);
    for (const path of collected.files.keys()) expect(path.startsWith("helm/apps/web/")).toBe(true);
  });
});

describe("an API server that does not answer", () => {
  test("is a gap, and what was read before is kept", async () => {
    await using server = await serving([]);
    await server.answer(SECRETS, page([record()], "t1"));
    await server.answer(
      SECRETS,
      "The connection to the server 127.0.0.1:6443 was refused",
      "t1.error",
    );
    await server.program("helm", "#!/bin/sh\necho called >>@FOLDER@/helm-calls\n");
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASES_UNREADABLE"]);
    expect(collected.gaps[0]?.message).toContain("refused");
    expect(collected.releases).toHaveLength(1);
    // helm is not asked: all it knows beyond that would be gaps.
    expect(await server.calls()).toHaveLength(3);
  });

  test("is a gap when k3s prints garbage", async () => {
    await using server = await standIn();
    await server.program("k3s", `#!/bin/sh\necho '{"items": [{"${SECRET}'\n`);
    const collected = await collect(helmReleasesAsset(), server);
    expect(codes(collected)).toEqual(["HELM_RELEASES_UNREADABLE", "HELM_RELEASES_UNREADABLE"]);
    expectNoSecret(collected);
  });

  test("is a gap when k3s hangs", async () => {
    await using server = await standIn();
    await server.program("k3s", "#!/bin/sh\nexec /bin/sleep 60\n");
    const collected = await collect(helmReleasesAsset({ kubectlTimeout: 150 }), server);
    expect(codes(collected)).toEqual(["HELM_RELEASES_UNREADABLE", "HELM_RELEASES_UNREADABLE"]);
  });
});

describe("an interruption", () => {
  for (const program of ["k3s", "helm"]) {
    test(`ends the run while ${program} is running, with its own reason`, async () => {
      const controller = new AbortController();
      await using server = await standIn({ signal: controller.signal });
      await server.answer(SECRETS, page([]));
      await server.answer(CONFIG_MAPS, page([]));
      await server.program(program, "#!/bin/sh\nexec /bin/sleep 60\n");
      setTimeout(
        () => controller.abort(new OperatorError("interrupted", "INTERRUPTED", "stopped")),
        150,
      );
      let reason: unknown;
      try {
        await collect(helmReleasesAsset(), server);
      } catch (error) {
        reason = error;
      }
      expect(reason instanceof OperatorError && reason.code).toBe("INTERRUPTED");
    });
  }
});
