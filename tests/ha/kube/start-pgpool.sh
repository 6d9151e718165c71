#!/bin/sh
# pgpool in front of the two, as the incident had it: it promotes the standby when it
# knows who is the primary, and it learns that as srcheck, with the password of the Secret.
set -eu
cat >/pool/failover.sh <<'SCRIPT'
#!/bin/sh
# %d the node that failed, %P the old primary, %H host of the new one.
echo "failover: $*"
[ "$1" = "$2" ] || exit 0
exec /usr/lib/postgresql/15/bin/psql -XAtq "host=$3 user=postgres dbname=postgres connect_timeout=5" \
  -c 'select pg_promote(true, 20)'
SCRIPT
chmod 755 /pool/failover.sh
: >/pool/pcp.conf
: >/pool/pool_hba.conf
cat >/pool/pgpool.conf <<CONF
backend_clustering_mode = 'streaming_replication'
listen_addresses = '$POD_IP'
port = 5432
pcp_listen_addresses = '$POD_IP'
unix_socket_directories = '/pool'
pcp_socket_dir = '/pool'
wd_ipc_socket_dir = '/pool'
pid_file_name = '/pool/pgpool.pid'
logdir = '/pool'
backend_hostname0 = 'pg-0'
backend_port0 = 5432
backend_flag0 = 'ALLOW_TO_FAILOVER'
backend_application_name0 = 'pg-0'
backend_hostname1 = 'pg-1'
backend_port1 = 5432
backend_flag1 = 'ALLOW_TO_FAILOVER'
backend_application_name1 = 'pg-1'
enable_pool_hba = off
num_init_children = 8
load_balance_mode = on
sr_check_period = 1
sr_check_user = 'srcheck'
sr_check_password = '$SR_CHECK_PASSWORD'
sr_check_database = 'postgres'
health_check_period = 1
health_check_timeout = 2
health_check_user = 'postgres'
health_check_database = 'postgres'
failover_on_backend_error = on
search_primary_node_timeout = 10
failover_command = '/pool/failover.sh %d %P %H'
auto_failback = on
auto_failback_interval = 3
CONF
exec pgpool -n -f /pool/pgpool.conf -F /pool/pcp.conf -a /pool/pool_hba.conf
