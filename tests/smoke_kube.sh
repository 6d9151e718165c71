#!/bin/sh
# Smoke test of the cluster of this host, TAP on stdout, exit 0 only when nothing failed.
#
#   tests/smoke_kube.sh [flags of `railiance-cluster ha smoke`]
#
# Calls the executable where there is one (RAILIANCE_CLUSTER, the installed one, the one built here).
# Without it, does what kubectl alone can do, and says which checks it cannot; flags mean nothing then.
# Changes nothing but what checks with `write` make: their own row or key. Never `set -e`: all checks run, and are judged then.
set -u

here=$(dirname "$0")
for program in "${RAILIANCE_CLUSTER:-}" /opt/railiance/bin/railiance-cluster "$here/../dist/railiance-cluster"; do
  if [ -n "$program" ] && [ -x "$program" ] && [ -z "${SMOKE_KUBECTL_ONLY:-}" ]; then
    exec "$program" ha smoke --tap "$@"
  fi
done

if command -v k3s > /dev/null; then
  kubectl() { k3s kubectl --request-timeout=15s "$@"; }
elif command -v kubectl > /dev/null; then
  kubectl() { command kubectl --request-timeout=15s "$@"; }
else
  echo "smoke_kube: there is neither railiance-cluster nor kubectl nor k3s on this host" >&2
  exit 5
fi

number=0
failures=0

ok() {
  number=$((number + 1))
  echo "ok $number - $1: $2"
}
skip() {
  number=$((number + 1))
  echo "ok $number - $1 # SKIP $2"
}
# not_ok ID WHAT HINT
not_ok() {
  number=$((number + 1))
  failures=$((failures + 1))
  echo "not ok $number - $1"
  echo "  ---"
  echo "  message: \"$(echo "$2" | tr -s '\n' ' ' | sed 's/[\\"]/\\&/g; s/ $//')\""
  echo "  hint: \"$(echo "$3" | sed 's/[\\"]/\\&/g')\""
  echo "  ..."
}
# judge ID LINES-THAT-ARE-WRONG WHAT-IS-RIGHT HINT; unreadable is wrong too.
judge() {
  if [ -n "$2" ]; then not_ok "$1" "$2" "$4"; else ok "$1" "$3"; fi
}
# The answer of kubectl, or one line that says it failed, which no check takes for right.
ask() {
  if answered=$(kubectl "$@" 2> /dev/null); then
    echo "$answered"
  else
    echo "UNREADABLE: kubectl $1 $2 failed"
  fi
}

readyz() {
  # What failed is in kubectl's error text.
  answer=$(kubectl get --raw '/readyz?verbose' 2>&1 || echo "kubectl failed")
  wrong=$(echo "$answer" | grep -v -e '^\[+\]' -e '^readyz check passed' -e '^$' | tail -n 3)
  judge readyz "$wrong" "API server ready" "look at: journalctl -u k3s -n 50"
}

nodes() {
  columns='NAME:.metadata.name,READY:.status.conditions[?(@.type=="Ready")].status,MEM:.status.conditions[?(@.type=="MemoryPressure")].status,DISK:.status.conditions[?(@.type=="DiskPressure")].status,PID:.status.conditions[?(@.type=="PIDPressure")].status,CORDON:.spec.unschedulable'
  answer=$(ask get nodes --no-headers -o "custom-columns=$columns")
  wrong=$(echo "$answer" | awk '/UNREADABLE/ || NF == 0 { print "no nodes: " $0; next }
    $2 != "True" { print $1 " is not Ready"; next }
    $3 == "True" || $4 == "True" || $5 == "True" { print $1 " has pressure" }
    $6 == "true" { print $1 " is cordoned" }')
  judge nodes "$wrong" "$(echo "$answer" | wc -l) Ready, without pressure, open for pods" "look at: k3s kubectl get nodes -o wide"
}

etcd() {
  answer=$(ask get nodes --no-headers -o 'custom-columns=NAME:.metadata.name,VOTER:.status.conditions[?(@.type=="EtcdIsVoter")].status')
  voters=$(echo "$answer" | awk '$2 == "True"' | wc -l)
  wrong=$(echo "$answer" | awk '/UNREADABLE/ { print; next } $2 == "False" { print $1 " is not a voter" }')
  if [ -z "$wrong" ] && [ "$voters" -eq 0 ]; then
    skip etcd "no node says that it is a voter: SQLite or an external datastore"
    return
  fi
  [ $((voters % 2)) -eq 0 ] && wrong="$wrong; an even number of voters: $voters"
  judge etcd "$wrong" "$voters voters (its own /health needs railiance-cluster)" "look at: journalctl -u k3s"
}

# rollout ID NAMESPACE/NAME HINT; like kubectl rollout status, but without waiting.
rollout() {
  id=$1 namespace=${2%/*} name=${2#*/}
  answer=$(ask get deployment "$name" -n "$namespace" --ignore-not-found --no-headers \
    -o 'custom-columns=WANT:.spec.replicas,NEW:.status.updatedReplicas,UP:.status.availableReplicas,GEN:.metadata.generation,SEEN:.status.observedGeneration')
  if [ -z "$answer" ]; then
    skip "$id" "there is no Deployment $2"
    return
  fi
  wrong=$(echo "$answer" | awk '/UNREADABLE/ { print; next } $1 !~ /^[0-9]+$/ || $1 == 0 || $2 != $1 || $3 != $1 || $5 < $4 { print "rollout not complete: wanted, updated, available, generation, seen: " $0 }')
  judge "$id" "$wrong" "$2 rolled out$4" "$3"
}

balancers() {
  answer=$(ask get services -A --no-headers -o 'custom-columns=NS:.metadata.namespace,NAME:.metadata.name,TYPE:.spec.type,IP:.status.loadBalancer.ingress[*].ip,HOST:.status.loadBalancer.ingress[*].hostname')
  if [ -z "$(echo "$answer" | awk '$3 == "LoadBalancer" || /UNREADABLE/')" ]; then
    skip service-lb "there is no Service of type LoadBalancer"
    return
  fi
  wrong=$(echo "$answer" | awk '/UNREADABLE/ { print; next } $3 == "LoadBalancer" && $4 == "<none>" && $5 == "<none>" { print $1 "/" $2 " has no address" }')
  sets=$(ask get daemonsets -A -l svccontroller.k3s.cattle.io/svcname --no-headers -o 'custom-columns=NAME:.metadata.name,WANT:.status.desiredNumberScheduled,READY:.status.numberReady')
  slow=$(echo "$sets" | awk 'NF == 0 { next } /UNREADABLE/ { print; next } $2 == 0 || $2 != $3 { print $1 " is ready on " $3 " of " $2 " nodes" }')
  judge service-lb "$wrong${slow:+ $slow}" "each has an address" "look at: k3s kubectl get services,daemonsets -A"
}

workloads() {
  claims=$(ask get persistentvolumeclaims -A --no-headers -o 'custom-columns=NS:.metadata.namespace,NAME:.metadata.name,PHASE:.status.phase')
  pods=$(ask get pods -A --no-headers -o 'custom-columns=NS:.metadata.namespace,NAME:.metadata.name,INIT:.status.initContainerStatuses[*].state.waiting.reason,WHY:.status.containerStatuses[*].state.waiting.reason')
  jobs=$(ask get jobs -A --no-headers -o 'custom-columns=NS:.metadata.namespace,NAME:.metadata.name,DONE:.status.succeeded')
  wrong=$(
    echo "$claims" | awk 'NF == 0 { next } /UNREADABLE/ { print; next } $3 != "Bound" { print "claim " $1 "/" $2 " is " $3 }'
    echo "$pods" | awk '/UNREADABLE/ { print; next } /CrashLoopBackOff|ImagePull|ErrImage|InvalidImageName|CreateContainer.*Error|RunContainerError/ { print "pod " $1 "/" $2 " is stuck: " $3 " " $4 }'
    echo "$jobs" | awk '/UNREADABLE/ { print; next } $2 ~ /^helm-install-/ && $3 !~ /^[1-9]/ { print "job " $1 "/" $2 " has not succeeded" }'
  )
  judge workloads "$wrong" "volume claims bound, no pod stuck, install jobs succeeded" "look at: k3s kubectl get pods,pvc,jobs -A"
}

# Names and labels only: the table leaves helm's records, with passwords in them, on the server.
releases() {
  answer=$(
    for kind in secrets configmaps; do
      ask get "$kind" -A -l owner=helm --no-headers -L name,version,status
    done
  )
  newest=$(echo "$answer" | awk '/UNREADABLE/ { print "helm_s_records 0 unreadable"; next } NF >= 6 { key = $1 "/" $(NF-2); if ($(NF-1) + 0 > best[key] + 0) { best[key] = $(NF-1); status[key] = $NF } }
    END { for (key in best) if (status[key] != "uninstalled") print key, best[key], status[key] }')
  if [ -z "$newest" ]; then
    skip helm "there is no helm release"
    return
  fi
  wrong=$(echo "$newest" | awk '$3 != "deployed" { print $1 " is " $3 " (revision " $2 ")" }')
  judge helm "$wrong" "$(echo "$newest" | wc -l) deployed" "look at: helm list -A --all"
}

echo "TAP version 14"
readyz
nodes
etcd
rollout dns kube-system/coredns "look at: k3s kubectl -n kube-system logs deployment/coredns" " (the lookup needs railiance-cluster)"
rollout traefik kube-system/traefik "look at: k3s kubectl -n kube-system logs deployment/traefik" " (/ping and the routed request need railiance-cluster)"
balancers
workloads
releases
skip backup "archives are looked at by railiance-cluster"
skip components "poolers, proxies and balancers are checked by railiance-cluster"
echo "1..$number"
# As railiance-cluster ha smoke ends.
[ "$failures" -eq 0 ] || exit 12
