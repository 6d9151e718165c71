#!/bin/sh
# Debian's databases and proxies that the tests of HA start as processes of
# their own: installs what is missing (as root), and starts no service.
set -eu

PACKAGES="pgpool2:pgpool pgbouncer:pgbouncer postgresql-15:/usr/lib/postgresql/15/bin/postgres postgresql-client-15:psql redis-server:redis-server redis-sentinel:redis-sentinel haproxy:haproxy keepalived:keepalived nginx-light:nginx patroni:patroni python3-etcd:/usr/lib/python3/dist-packages/etcd python3-psycopg2:/usr/lib/python3/dist-packages/psycopg2 openssl:openssl iproute2:ip shellcheck:shellcheck util-linux:setpriv"

missing=
for pair in $PACKAGES; do
  found=${pair#*:}
  [ -e "$found" ] || PATH="$PATH:/usr/sbin:/sbin" command -v "$found" >/dev/null 2>&1 || missing="$missing ${pair%%:*}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
  printf 'ha: missing Debian packages:%s (not root, so not installed)\n' "$missing" >&2
  exit 1
fi
printf 'ha: installing Debian packages:%s\n' "$missing" >&2

# Their installation would start their services, and PostgreSQL's would make a
# cluster; a policy that stands already is its owner's business.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f "$policy"' EXIT
  trap 'exit 1' HUP INT TERM
fi
apt-get update -qq
# shellcheck disable=SC2086 # a list
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
