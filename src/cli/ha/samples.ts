/** Files that an operator writes, as `--help` shows them: a server has no docs folder. Each is valid as it stands. */
import type { Sample } from "../command.ts";

export const DRILL_SAMPLE: Sample = {
  title: "A drill",
  text: `apiVersion: railiance/drill/v1
name: postgres-primary-kill
component: {namespace: db, release: pg}
guards: {requireLabel: railiance.io/drill=allowed, maxBackupAge: 24h}     # optional
steadyState:                      # nothing is killed unless all of these pass
  - {id: pool, pgpool: {via: "pg-pgpool.db:5432", nodes: 3, passwordFrom: {file: /etc/railiance/pg}}}
probe: {kind: sql, via: "pg-pgpool.db:5432", passwordFrom: {file: /etc/railiance/pg}}
target: {resolve: pgpool, via: "pg-pgpool.db:5432", passwordFrom: {file: /etc/railiance/pg}}
kill: {method: pod-delete}
recovery: {window: 60s, maxLostAcked: 0}
after:                            # what has to be well again, each within its timeout
  - {id: rejoined, timeout: 5m, pgpool: {via: "pg-pgpool.db:5432", nodes: 3, passwordFrom: {file: /etc/railiance/pg}}}
# a check:  pgpool pgbouncer postgres patroni sentinel http endpoints nodes etcd readyz
# probe:    sql redis http kubernetes
# target:   pgpool patroni sentinel lease etcd-leader pod http-header fixed
# kill:     pod-delete pod-signal node-drain service-stop service-kill server-off process`,
};

export const CHECKS_SAMPLE: Sample = {
  title: "A list of checks (ha/smoke.yaml)",
  text: `- {id: pool, pgpool: {via: "pg-pgpool.db:5432", nodes: 3, passwordFrom: {file: /etc/railiance/pg}}}
- {id: bouncer, pgbouncer: {via: "bouncer.db:6432", passwordFrom: {file: /etc/railiance/pg}}}
- {id: members, patroni: {members: ["10.0.0.1:8008", "10.0.0.2:8008"], standbys: 1, synchronous: 1}}
- {id: store, sentinel: {sentinels: ["10.0.0.1:26379", "10.0.0.2:26379"], master: store}}
- {id: edge, http: {url: "https://192.0.2.10/", host: shop.example, anyCertificate: true}}
- {id: replicas, timeout: 5s, endpoints: {namespace: web, service: nginx, min: 2}}`,
};

export const RELEASES_SAMPLE: Sample = {
  title: "A list of releases (ha/releases.yaml)",
  text: `schema: railiance.ha-releases/1
releases:
  - release: db/pg                # namespace/name
    chart: postgresql-ha@16.3.4
    values: [../values/pg.yaml, ../values/pg.secrets.yaml]     # paths from this file`,
};

export const RULES_SAMPLE: Sample = {
  title: "Rules of your own (--rules)",
  text: `schema: railiance.ha-rules/1
chart: shop
sets:
  - versions: ">=1 <2"
    source: our own incident of 2026-05-02
    rules:
      - id: replicas
        check: minimum            # or given, notGiven, oneOf, noneOf, antiAffinity, budget, image
        path: web.replicas
        min: 2
        says: there is only one web server, and every request goes when its node goes
        hint: put web.replicas to 2`,
};

export const COMPONENTS_SAMPLE: Sample = {
  title: "A list of components (ha/components.yaml)",
  text: `schema: railiance.ha-components/1
components:
  - component: postgres
    drill: drills/postgres-primary-kill.yaml     # paths from this file
    release: db/pg                # chart and values of ha/releases.yaml
    maxAgeDays: 90                # optional`,
};
