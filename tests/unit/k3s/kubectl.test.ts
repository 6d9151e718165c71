import { describe, expect, test } from "bun:test";
import { OperatorError } from "../../../src/errors.ts";
import { kubectlJson, listAll } from "../../../src/k3s/kubectl.ts";
import { page, standIn } from "../helm/stand-in.ts";
import type { ListOptions } from "../../../src/k3s/kubectl.ts";
import type { StandIn } from "../helm/stand-in.ts";

const SERVER = { k3s: "k3s", kubeconfig: "/etc/config.yaml", dataDir: "/data" };
const PATH = "/api/v1/things";

function thing(name: string, padding = 0): object {
  return { metadata: { name, uid: `uid-${name}` }, padding: "x".repeat(padding) };
}

async function names(from: StandIn, options: ListOptions = {}): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const item of listAll(from.host, SERVER, PATH, options)) {
    const { metadata } = item;
    found.push(
      typeof metadata === "object" && metadata !== null && "name" in metadata
        ? metadata.name
        : undefined,
    );
  }
  return found;
}

async function failureOf(action: Promise<unknown>): Promise<OperatorError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof OperatorError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("kubectlJson()", () => {
  test("gives the answer and tells kubectl which kubeconfig to use", async () => {
    await using server = await standIn();
    await server.answer("/version", { gitVersion: "v1.36.2+k3s1" });
    const answer = await kubectlJson(server.host, SERVER, ["get", "--raw", "/version"]);
    expect(answer).toEqual({ gitVersion: "v1.36.2+k3s1" });
    expect(await server.calls()).toEqual([
      "kubectl get --raw /version --kubeconfig=/etc/config.yaml --request-timeout=60s",
    ]);
  });

  test("hides a KUBECONFIG of the operator's shell from kubectl, and names K3s's data folder", async () => {
    await using server = await standIn();
    await server.program(
      "k3s",
      `#!/bin/sh\nprintf '"%s %s"' "\${KUBECONFIG-unset}" "$K3S_DATA_DIR"\n`,
    );
    const host = { ...server.host, env: { ...server.host.env, KUBECONFIG: "/other" } };
    expect(await kubectlJson(host, SERVER, ["version"])).toBe("unset /data");
  });

  const refused =
    "The connection to the server 127.0.0.1:6443 was refused - did you specify the right host or port?";
  const cases = [
    ["API_UNREACHABLE", refused],
    ["API_UNREACHABLE", "Unable to connect to the server: net/http: TLS handshake timeout"],
    [
      "API_UNREACHABLE",
      "Error from server (ServiceUnavailable): the server is currently unable to handle the request",
    ],
    [
      "API_NOT_FOUND",
      "Error from server (NotFound): the server could not find the requested resource",
    ],
    ["KUBECTL_FAILED", "error: You must be logged in to the server (Unauthorized)"],
    ["KUBECTL_FAILED", "error: stat /etc/config.yaml: no such file or directory"],
  ] as const;
  for (const [code, said] of cases) {
    test(`answers ${code} with kubectl's own words: ${said}`, async () => {
      await using server = await standIn();
      await server.answer(PATH, `warning: something else\n${said}\n`, ".error");
      await server.program("k3s", `#!/bin/sh\n/bin/cat '@FOLDER@/api${PATH}..error' >&2\nexit 1\n`);
      const failure = await failureOf(kubectlJson(server.host, SERVER, ["get", "--raw", PATH]));
      expect(failure.code).toBe(code);
      expect(failure.exit).toBe("precondition");
      expect(failure.message).toContain(said);
    });
  }

  test("gives up on a kubectl that hangs", async () => {
    await using server = await standIn();
    await server.program("k3s", "#!/bin/sh\nexec /bin/sleep 60\n");
    const failure = await failureOf(
      kubectlJson(server.host, SERVER, ["get", "--raw", PATH], { timeout: 200 }),
    );
    expect(failure.code).toBe("API_UNREACHABLE");
    expect(failure.message).toContain("no answer");
  });

  test("shows nothing of an answer that is not JSON", async () => {
    await using server = await standIn();
    await server.answer(PATH, '{"data": "s3cret');
    const failure = await failureOf(kubectlJson(server.host, SERVER, ["get", "--raw", PATH]));
    expect(failure.code).toBe("KUBECTL_FAILED");
    expect(failure.message).not.toContain("s3cret");
  });

  test("says so when k3s is missing", async () => {
    await using server = await standIn();
    const failure = await failureOf(
      kubectlJson(server.host, { ...SERVER, k3s: "no-k3s" }, ["version"]),
    );
    expect(failure.code).toBe("TOOL_MISSING");
  });
});

describe("listAll()", () => {
  test("follows the pages to the end and asks for the label", async () => {
    await using server = await standIn();
    await server.answer(PATH, page([thing("a"), thing("b")], "t1"));
    await server.answer(PATH, page([thing("c")], "t2"), "t1");
    await server.answer(PATH, page([thing("d")]), "t2");
    expect(await names(server, { labelSelector: "owner=helm" })).toEqual(["a", "b", "c", "d"]);
    const calls = await server.calls();
    expect(calls).toHaveLength(3);
    for (const call of calls) expect(call).toContain("labelSelector=owner%3Dhelm&limit=");
  });

  test("takes an empty list, written as null, as no objects", async () => {
    await using server = await standIn();
    await server.answer(PATH, page(null));
    expect(await names(server)).toEqual([]);
  });

  test("goes on after a page without objects", async () => {
    await using server = await standIn();
    await server.answer(PATH, page([], "t1"));
    await server.answer(PATH, page([thing("a")]), "t1");
    expect(await names(server)).toEqual(["a"]);
  });

  test("asks for fewer objects when they are large and for more when they are small", async () => {
    await using server = await standIn();
    await server.answer(PATH, page([thing("a", 3_000_000), thing("b", 3_000_000)], "t1"));
    await server.answer(PATH, page([thing("c")], "t2"), "t1");
    await server.answer(PATH, page([thing("d")], "t3"), "t2");
    await server.answer(PATH, page([thing("e")]), "t3");
    await names(server);
    const limits = (await server.calls()).map((call) => /limit=([0-9]+)/u.exec(call)?.[1]);
    expect(limits).toEqual(["8", "1", "4", "16"]);
  });

  test("asks again for fewer objects when a page is larger than a page may be", async () => {
    await using server = await standIn();
    await server.answer(PATH, page([thing("a")]));
    await server.program(
      "k3s",
      `#!/bin/sh\ncase $4 in *limit=1) exec /bin/cat "@FOLDER@/api${PATH}.";; esac\nexec /usr/bin/head -c 17000000 /dev/zero\n`,
    );
    expect(await names(server)).toEqual(["a"]);
  });

  const expired =
    "Error from server (Expired): The provided continue parameter is too old to display a consistent list result.";

  test("starts again when the list went stale, and gives each object once", async () => {
    await using server = await standIn();
    await server.answer(PATH, page([thing("a"), thing("b")], "t1"));
    await server.answer(PATH, page([thing("c")]), "t1");
    await server.answer(PATH, `${expired}\n`, "t1.once");
    expect(await names(server)).toEqual(["a", "b", "c"]);
    expect(await server.calls()).toHaveLength(4);
  });

  test("gives up on a list that goes stale every time", async () => {
    await using server = await standIn();
    await server.answer(PATH, page([thing("a")], "t1"));
    await server.answer(PATH, `${expired}\n`, "t1.error");
    const failure = await failureOf(names(server));
    expect(failure.code).toBe("API_EXPIRED");
    expect(await server.calls()).toHaveLength(12);
  });

  test("refuses JSON that is no list", async () => {
    await using server = await standIn();
    await server.answer(PATH, { kind: "Status", message: "s3cret" });
    const failure = await failureOf(names(server));
    expect(failure.code).toBe("KUBECTL_FAILED");
    expect(failure.message).not.toContain("s3cret");
  });

  test("stops with the reason of an interruption", async () => {
    const controller = new AbortController();
    await using server = await standIn({ signal: controller.signal });
    await server.program("k3s", "#!/bin/sh\nexec /bin/sleep 60\n");
    const reading = failureOf(names(server));
    controller.abort(new OperatorError("interrupted", "INTERRUPTED", "stopped by SIGINT"));
    expect((await reading).code).toBe("INTERRUPTED");
  });
});
