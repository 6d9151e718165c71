/** The rules shipped with the program: to add a chart, write its file and list it here. */
import * as v from "valibot";
import { ChartRulesSchema } from "../rule-schema.ts";
import { GITEA } from "./gitea.ts";
import { INGRESS_NGINX } from "./ingress-nginx.ts";
import { POSTGRESQL } from "./postgresql.ts";
import { POSTGRESQL_HA } from "./postgresql-ha.ts";
import { REDIS } from "./redis.ts";
import { TRAEFIK } from "./traefik.ts";
import type { ChartRules } from "../rule-schema.ts";

let parsed: readonly ChartRules[] | undefined;

/** Every shipped rules file, with its defaults filled in. */
export function shippedRules(): readonly ChartRules[] {
  parsed ??= [POSTGRESQL_HA, POSTGRESQL, REDIS, TRAEFIK, INGRESS_NGINX, GITEA].map((one) =>
    v.parse(ChartRulesSchema, one),
  );
  return parsed;
}
