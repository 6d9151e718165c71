# Sourced by make-golden.sh: a real etcd and a real API server on loopback, without
# nodes or controllers, for the length of one script. Needs PARTS (the lab's multi-call
# binary) and sets KUBECONFIG and WORK; everything goes away when the shell ends.

WORK=$(mktemp -d)
cleanup() {
  [ -n "${API_PID:-}" ] && kill "$API_PID" 2>/dev/null && wait "$API_PID" 2>/dev/null
  [ -n "${ETCD_PID:-}" ] && kill "$ETCD_PID" 2>/dev/null && wait "$ETCD_PID" 2>/dev/null
  rm -rf "$WORK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

API_PORT=${API_PORT:-16443}
ETCD_PORT=${ETCD_PORT:-12379}

"$PARTS" etcd --data-dir "$WORK/etcd" --unsafe-no-fsync \
  --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
  --listen-peer-urls "http://127.0.0.1:$((ETCD_PORT + 1))" >"$WORK/etcd.log" 2>&1 &
ETCD_PID=$!

openssl genrsa -out "$WORK/sa.key" 2048 2>/dev/null
printf 'golden,admin,admin,system:masters\n' >"$WORK/tokens.csv"
"$PARTS" kube-apiserver --etcd-servers "http://127.0.0.1:$ETCD_PORT" \
  --bind-address 127.0.0.1 --secure-port "$API_PORT" --cert-dir "$WORK/certs" \
  --service-cluster-ip-range 10.43.0.0/24 --authorization-mode AlwaysAllow --token-auth-file "$WORK/tokens.csv" \
  --service-account-issuer https://kubernetes.default.svc --service-account-key-file "$WORK/sa.key" \
  --service-account-signing-key-file "$WORK/sa.key" --disable-admission-plugins ServiceAccount \
  >"$WORK/apiserver.log" 2>&1 &
API_PID=$!

export KUBECONFIG="$WORK/kubeconfig"
cat >"$KUBECONFIG" <<YAML
apiVersion: v1
kind: Config
current-context: golden
clusters: [{name: golden, cluster: {server: "https://127.0.0.1:$API_PORT", insecure-skip-tls-verify: true}}]
users: [{name: golden, user: {token: golden}}]
contexts: [{name: golden, context: {cluster: golden, user: golden}}]
YAML

for _ in $(seq 120); do
  if "$PARTS" kubectl get --raw /readyz >/dev/null 2>&1; then break; fi
  sleep 0.5
done
"$PARTS" kubectl get --raw /readyz >/dev/null || { tail -n 20 "$WORK/apiserver.log" >&2; exit 1; }
