import { describe, expect, test } from "bun:test";
import { liveKeys } from "../../../src/datastore/mvcc.ts";
import { openBolt } from "../../../src/datastore/bolt.ts";
import { parseObjectKey, printKey } from "../../../src/datastore/object-key.ts";
import { snapshotFile, truth } from "./support.ts";

const TABLE: readonly (readonly [key: string, printed: string])[] = [
  ["/registry/configmaps/default/x", "default/configmap/x"],
  ["/registry/minions/s1", "node/s1"],
  ["/registry/namespaces/shop", "namespace/shop"],
  ["/registry/pods/shop/web-0", "shop/pod/web-0"],
  ["/registry/services/specs/shop/web", "shop/service/web"],
  ["/registry/services/endpoints/shop/web", "shop/endpoints/web"],
  ["/registry/endpointslices/shop/web-x", "shop/endpointslice/web-x"],
  ["/registry/controllers/shop/old", "shop/replicationcontroller/old"],
  ["/registry/ingress/shop/web", "shop/ingress/web"],
  ["/registry/ingressclasses/traefik", "ingressclass/traefik"],
  ["/registry/networkpolicies/shop/closed", "shop/networkpolicy/closed"],
  ["/registry/leases/kube-node-lease/s1", "kube-node-lease/lease/s1"],
  ["/registry/storageclasses/slow", "storageclass/slow"],
  ["/registry/ipaddresses/10.43.0.1", "ipaddress/10.43.0.1"],
  ["/registry/clusterroles/system:node", "clusterrole/system:node"],
  ["/registry/roles/shop/shop:clerk", "shop/role/shop:clerk"],
  ["/registry/masterleases/10.0.0.11", "masterlease/10.0.0.11"],
  ["/registry/ranges/serviceips", "range/serviceips"],
  ["/registry/apiregistration.k8s.io/apiservices/v1.apps", "apiservice/v1.apps"],
  [
    "/registry/apiextensions.k8s.io/customresourcedefinitions/crontabs.stable.example.com",
    "customresourcedefinition/crontabs.stable.example.com",
  ],
  ["/registry/stable.example.com/crontabs/shop/tab", "shop/crontabs.stable.example.com/tab"],
  ["/registry/stable.example.com/planets/mars", "planets.stable.example.com/mars"],
  ["/registry/k3s.cattle.io/addons/kube-system/dns", "kube-system/addons.k3s.cattle.io/dns"],
  ["/bootstrap/0123456789ab", "/bootstrap/0123456789ab"],
  ["compact_rev_key", "compact_rev_key"],
  ["k3s/apiaddresses", "k3s/apiaddresses"],
];

/** The resource of a kind, where it is not its plural in lower case. */
function resourceOf(kind: string): string {
  const lower = kind.toLowerCase();
  if (lower === "endpoints") return lower;
  if (lower.endsWith("y")) return `${lower.slice(0, -1)}ies`;
  return /(?:s|x|ch|sh)$/.test(lower) ? `${lower}es` : `${lower}s`;
}

describe("printKey()", () => {
  test("names objects as kubectl does, and other keys as they are", () => {
    for (const [key, printed] of TABLE) expect(printKey(key)).toBe(printed);
  });

  test("gives keys that are too short or too long as they are", () => {
    for (const key of ["/registry/", "/registry/pods", "/registry/pods/", "/registry/pods/a/b/c"]) {
      expect(parseObjectKey(key)).toBeUndefined();
      expect(printKey(key)).toBe(key);
    }
  });
});

describe("parseObjectKey()", () => {
  test("finds every object that kubectl lists on a real cluster, of 50 kinds and more", async () => {
    const stored = new Set<string>();
    for await (const { key } of liveKeys(await openBolt(snapshotFile("older")))) {
      const object = parseObjectKey(key);
      if (object === undefined) continue;
      stored.add([object.resource, object.namespace ?? "", object.name].join(" "));
    }
    const kinds = new Set<string>();
    for (const { kind, metadata, apiVersion } of truth().older) {
      // Made up by the API server from its health checks, and the volatile Events.
      if (kind === "ComponentStatus" || kind === "Event") continue;
      kinds.add(`${apiVersion} ${kind}`);
      const wanted = [resourceOf(kind), metadata.namespace ?? "", metadata.name].join(" ");
      expect([...stored].filter((one) => one === wanted)).toEqual([wanted]);
    }
    expect(kinds.size).toBeGreaterThan(49);
  });
});
