/** The revision the API server is at: a database that was restored goes on counting from the snapshot's. */
import { field } from "../json.ts";
import { NO_ANSWER, ask } from "./api.ts";
import type { Host } from "../../sys/host.ts";
import type { HealthCheck, HealthExpectation } from "./types.ts";

export async function checkRevision(host: Host, expected: HealthExpectation): Promise<HealthCheck> {
  const id = "revision";
  const list = await ask(host, expected.settings, "/api/v1/namespaces");
  if (list?.found !== true) return { id, passed: false, detail: NO_ANSWER };
  const revision = Number(field(field(list.value, "metadata"), "resourceVersion"));
  const passed = revision >= expected.revision;
  return {
    id,
    passed,
    detail: passed
      ? `revision ${revision}`
      : `revision ${revision} is before ${expected.revision} of the backup`,
  };
}
