import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { configAsset } from "../../../src/assets/config.ts";
import { testHost } from "../../helpers/host.ts";
import { testSettings } from "../../helpers/settings.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "railiance-config-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** What is saved of the folder, and the gaps, for a server with this configuration and its data in `data`. */
async function collected(
  config: Readonly<Record<string, readonly string[]>>,
): Promise<{ saved: string[]; gaps: { code: string; message: string }[] }> {
  const settings = { ...testSettings({ config }), dataDir: join(folder, "data") };
  const saved: string[] = [];
  const gaps: { code: string; message: string }[] = [];
  await configAsset(settings).collect(
    { host: testHost({}), server: settings, note: () => undefined },
    {
      add: ({ source = "" }) => {
        if (source.startsWith(folder)) saved.push(source.slice(folder.length + 1));
        return Promise.resolve();
      },
      addFile: () => undefined,
      addRelease: () => undefined,
      gap: ({ code, message }) => void gaps.push({ code, message }),
    },
  );
  return { saved, gaps };
}

describe("configAsset()", () => {
  test("saves what the configuration names below the data folder, and the files of the kubelet's drop-in folder", async () => {
    await mkdir(join(folder, "data/server"), { recursive: true });
    await mkdir(join(folder, "kubelet.d"));
    await writeFile(join(folder, "data/server/psa.yaml"), "a");
    await writeFile(join(folder, "kubelet.d/10-mine.conf"), "b");
    const { saved, gaps } = await collected({
      "kube-apiserver-arg": [`admission-control-config-file=${folder}/data/server/psa.yaml`],
      "kubelet-arg": [`config-dir=${folder}/kubelet.d`],
    });
    expect(saved).toEqual(["data/server/psa.yaml", "kubelet.d/10-mine.conf"]);
    expect(gaps).toEqual([]);
  });

  test("saves what operators keep where K3s's agent looks by itself, and nothing that K3s writes there", async () => {
    const kept = [
      "agent/etc/containerd/config-v3.toml.d/mirror.toml",
      "agent/etc/containerd/config-v3.toml.tmpl",
      "agent/etc/containerd/config.toml.tmpl",
      "agent/etc/kubelet.conf.d/10-mine.conf",
      "agent/pod-manifests/probe.yaml",
    ];
    const made = [
      "agent/etc/containerd/config.toml",
      "agent/etc/kubelet.conf.d/00-k3s-defaults.conf",
      "agent/etc/crictl.yaml",
      "agent/kubelet.kubeconfig",
      "agent/pod-manifests/.probe.yaml.swp",
    ];
    for (const path of [...kept, ...made].map((one) => join(folder, "data", one))) {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, "x");
    }
    const { saved, gaps } = await collected({});
    expect(saved).toEqual(kept.map((path) => `data/${path}`));
    expect(gaps).toEqual([]);
  });

  test("a file that K3s needs and that is not there is a gap; what K3s makes itself is none", async () => {
    const { gaps } = await collected({
      "write-kubeconfig": [`${folder}/kubeconfig`],
      "kube-apiserver-arg": [
        `audit-policy-file=${folder}/audit.yaml`,
        `audit-log-path=${folder}/logs/audit.log`,
      ],
      "kubelet-arg": [`root-dir=${folder}/kubelet`],
      "node-label": [`config=${folder}/label`],
    });
    expect(gaps).toEqual([
      {
        code: "FILE_MISSING",
        message: `audit-policy-file names ${folder}/audit.yaml, and there is no such file`,
      },
    ]);
  });

  test("a file beside K3s's own certificates is a gap: a restore makes that folder anew", async () => {
    await mkdir(join(folder, "data/server/tls"), { recursive: true });
    await writeFile(join(folder, "data/server/tls/oidc.pem"), "a");
    const { saved, gaps } = await collected({
      "kube-apiserver-arg": [`oidc-ca-file=${folder}/data/server/tls/oidc.pem`],
    });
    expect(saved).toEqual([]);
    expect(gaps.map(({ code }) => code)).toEqual(["FILE_IN_STATE"]);
  });

  test("a folder where K3s reads a file is a gap, and its content is not taken", async () => {
    await mkdir(join(folder, "audit"));
    await writeFile(join(folder, "audit/one"), "a");
    const { saved, gaps } = await collected({
      "kube-apiserver-arg": [`audit-policy-file=${folder}/audit`],
    });
    expect(saved).toEqual([]);
    expect(gaps.map(({ code }) => code)).toEqual(["FILE_IS_FOLDER"]);
  });
});
