#!/bin/sh
# One PostgreSQL of a StatefulSet of two. Who is the primary is asked at each start,
# never assumed: a pod that was the primary and comes back with its old data is a standby now.
set -eu
bin=/usr/lib/postgresql/15/bin
data=/data/pg
case $POD_NAME in pg-0) other=pg-1 ;; *) other=pg-0 ;; esac

# f: the other is a primary; t: a standby; nothing: no answer.
ask() {
  "$bin/psql" -XAtq "host=$other user=postgres dbname=postgres connect_timeout=2" \
    -c 'select pg_is_in_recovery()' 2>/dev/null || true
}

copy() {
  rm -rf "$data.new" "$data"
  "$bin/pg_basebackup" -d "host=$other user=postgres application_name=$POD_NAME" \
    -D "$data.new" -R -c fast -X stream
  mv "$data.new" "$data"
}

create() {
  rm -rf "$data.new"
  "$bin/initdb" -D "$data.new" -U postgres --auth=trust --no-sync >/dev/null
  cat >"$data.new/pg_hba.conf" <<HBA
local all all trust
host all srcheck all scram-sha-256
host all all all trust
host replication all all trust
HBA
  mv "$data.new" "$data"
}

if [ -e "$data/standby.signal" ]; then
  echo "starts again as a standby"
elif [ -s "$data/PG_VERSION" ]; then
  # It was the primary. The standby has half a minute to take over before this one is the primary again.
  waited=0
  until [ "$(ask)" = f ] || [ "$waited" -ge 30 ]; do
    sleep 1
    waited=$((waited + 1))
  done
  if [ "$(ask)" = f ]; then copy; fi
elif [ "$POD_NAME" = pg-0 ]; then
  create
else
  until [ "$(ask)" = f ]; do sleep 0.2; done
  copy
fi

exec "$bin/postgres" -D "$data" -c "listen_addresses=$POD_IP" -c unix_socket_directories= \
  -c fsync=off -c wal_level=replica -c max_wal_senders=5 -c hot_standby=on \
  -c wal_keep_size=64MB -c "cluster_name=$POD_NAME"
