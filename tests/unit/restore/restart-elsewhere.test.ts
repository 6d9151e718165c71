/** Who has to be restarted elsewhere: found from what accounts may do, said in few lines. */
import { describe, expect, test } from "bun:test";
import {
  agentNames,
  restartCommands,
  restartElsewhere,
  restartSentences,
} from "../../../src/app/restart-elsewhere.ts";
import { watchingAccounts } from "../../../src/k3s/watchers.ts";
import { settingsIn, withPrograms } from "../../helpers/programs.ts";
import type { JsonObject } from "../../../src/k3s/kubectl.ts";

function role(name: string, verbs: readonly string[], namespace?: string): JsonObject {
  return { metadata: { name, namespace }, rules: [{ verbs, resources: ["pods"] }] };
}

function binding(options: {
  readonly role: string;
  readonly subject: object;
  readonly kind?: "ClusterRole" | "Role";
  readonly namespace?: string;
  readonly labels?: object;
}): JsonObject {
  const { namespace, labels, subject } = options;
  return {
    metadata: { name: "b", namespace, labels },
    roleRef: { kind: options.kind ?? "ClusterRole", name: options.role },
    subjects: [subject],
  };
}

const OP = { kind: "ServiceAccount", namespace: "ops", name: "op" };
const DEFAULTS = { "kubernetes.io/bootstrapping": "rbac-defaults" };

describe("watchingAccounts()", () => {
  const roles = [
    role("watch", ["get", "watch"]),
    role("read", ["get", "list"]),
    role("all", ["*"]),
  ];

  test("an account that is bound to a rule with watch, or to all verbs", () => {
    for (const name of ["watch", "all"]) {
      const may = watchingAccounts({ roles, bindings: [binding({ role: name, subject: OP })] });
      expect([may("ops", "op"), may("ops", "default"), may("other", "op")]).toEqual([
        true,
        false,
        false,
      ]);
    }
  });

  test("not one that may only read, or only paths that are no resources", () => {
    const paths = {
      metadata: { name: "paths" },
      rules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
    };
    for (const name of ["read", "paths", "missing"]) {
      const bindings = [binding({ role: name, subject: OP })];
      expect(watchingAccounts({ roles: [...roles, paths], bindings })("ops", "op")).toBe(false);
    }
  });

  test("a Role counts in its own namespace, and is not the ClusterRole of the same name", () => {
    const own = role("read", ["watch"], "ops");
    const bound = (namespace: string): JsonObject =>
      binding({ role: "read", kind: "Role", namespace, subject: OP });
    const asked = (bindings: readonly JsonObject[]): boolean =>
      watchingAccounts({ roles: [...roles, own], bindings })("ops", "op");
    expect(asked([bound("ops")])).toBe(true);
    expect(asked([bound("other")])).toBe(false);
    expect(asked([binding({ role: "read", subject: OP })])).toBe(false);
  });

  test("through a group, and through the account's name as a user", () => {
    const subjects = [
      [{ kind: "Group", name: "system:serviceaccounts:ops" }, [true, true, false]],
      [{ kind: "Group", name: "system:serviceaccounts" }, [true, true, true]],
      [{ kind: "User", name: "system:serviceaccount:ops:op" }, [true, false, false]],
      [{ kind: "Group", name: "system:masters" }, [false, false, false]],
    ] as const;
    for (const [subject, expected] of subjects) {
      const may = watchingAccounts({ roles, bindings: [binding({ role: "watch", subject })] });
      expect([may("ops", "op"), may("ops", "x"), may("y", "x")]).toEqual([...expected]);
    }
  });

  test("what Kubernetes lets every account watch makes nobody an operator", () => {
    const subject = { kind: "Group", name: "system:serviceaccounts" };
    const byKubernetes = binding({ role: "watch", subject, labels: DEFAULTS });
    expect(watchingAccounts({ roles, bindings: [byKubernetes] })("ops", "op")).toBe(false);
    // K3s puts the label on the bindings of its own add-ons too.
    const addOn = binding({ role: "watch", subject: OP, labels: DEFAULTS });
    expect(watchingAccounts({ roles, bindings: [addOn] })("ops", "op")).toBe(true);
  });
});

describe("restartSentences()", () => {
  test("are none when there is nothing to restart", () => {
    expect(restartSentences({ agents: [], commands: [] })).toEqual([]);
  });

  test("name the agents first, then one command a namespace", () => {
    const commands = restartCommands([
      { kind: "Deployment", namespace: "a", name: "x" },
      { kind: "StatefulSet", namespace: "b", name: "y" },
      { kind: "DaemonSet", namespace: "a", name: "z" },
    ]);
    expect(commands).toEqual([
      "k3s kubectl -n a rollout restart deployment/x daemonset/z",
      "k3s kubectl -n b rollout restart statefulset/y",
    ]);
    const sentences = restartSentences({ agents: ["a1", "a2"], commands });
    expect(sentences).toHaveLength(4);
    expect(sentences[0]).toBe("on each agent (a1, a2): systemctl restart k3s-agent");
  });

  test("stay short in a large cluster", () => {
    const agents = Array.from({ length: 100 }, (_, index) => `agent-${index}`);
    const commands = Array.from({ length: 50 }, (_, index) => `command ${index}`);
    const sentences = restartSentences({ agents, commands });
    expect(sentences[0]).toContain("agent-11 and 88 more (--json has all)");
    expect(sentences).toHaveLength(9);
    expect(sentences[7]).toBe("and in 44 more namespaces: --json has the commands");
  });
});

describe("agentNames()", () => {
  test("leaves servers out, by each of their labels", () => {
    const node = (name: string, ...labels: readonly string[]): JsonObject => ({
      metadata: { name, labels: Object.fromEntries(labels.map((label) => [label, "true"])) },
    });
    const nodes = [
      node("b"),
      node("s1", "node-role.kubernetes.io/control-plane"),
      node("s2", "node-role.kubernetes.io/etcd"),
      node("s3", "node-role.kubernetes.io/master"),
      node("a", "node-role.kubernetes.io/worker"),
    ];
    expect(agentNames(nodes)).toEqual(["a", "b"]);
  });
});

describe("restartElsewhere()", () => {
  test("says what to look for when the cluster cannot be asked, and fails nothing", async () => {
    await withPrograms({ k3s: "echo 'connection refused' >&2; exit 1" }, async (at) => {
      const context = { host: at.host, talk: () => undefined, ask: undefined };
      const found = await restartElsewhere(context, settingsIn(at.folder));
      expect(found.sentences).toEqual([
        expect.stringContaining("agents, operators): which ones could not be read (the API"),
      ]);
    });
  });
});
