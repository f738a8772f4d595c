#!/bin/sh
# Makes what the services of docker-compose.yml need, once: the instance with its roots, a home for each dispatcher and worker as
# `pogo-dispatcher issue` makes it, keys of the throw-away hosts, and a client that knows all of it. What was begun and isn't
# whole is made anew.
set -eu
: "${POGO:=/opt/pogo}" "${VOLUMES:=/volumes}" "${OWNER:=pogo:pogo}"
: "${STORE:=zookeeper://zk-1:2181,zk-2:2181,zk-3:2181/pogo?plaintext=accepted&storeKeyFile=store.key}"
# Of each dispatcher: where it listens for clients, and for workers.
: "${DISPATCHER_1:=dispatcher-1:7646 dispatcher-1:7647}" "${DISPATCHER_2:=dispatcher-2:7646 dispatcher-2:7647}"
: "${HOSTS:=host-1 host-2 host-3}"
umask 077
cd "$VOLUMES"
mkdir -p home dispatcher-1 dispatcher-2 worker-1 worker-2 client hosts
if [ -e home/made ]; then
  echo 'the instance is there already'
  exit
fi
find home dispatcher-1 dispatcher-2 worker-1 worker-2 client hosts -mindepth 1 -delete

pogo_dispatcher() { node "$POGO/packages/dispatcher/dist/pogo-dispatcher.js" "$@"; }
pogo_dispatcher init --home home --name seed --worker-name seed
openssl rand -base64 48 > home/store.key

issue_dispatcher() { # NAME API WORKERS
  pogo_dispatcher issue dispatcher "$1" --home home --out "$1" --store "$STORE" --listen "$2" --worker-listen "$3"
  cp -p home/store.key "$1/dispatcher/store.key"
}
# shellcheck disable=SC2086
issue_dispatcher dispatcher-1 $DISPATCHER_1
# shellcheck disable=SC2086
issue_dispatcher dispatcher-2 $DISPATCHER_2
for name in worker-1 worker-2; do
  pogo_dispatcher issue worker "$name" --home home --out "$name" \
    --dispatcher "wss://${DISPATCHER_1#* }" --dispatcher "wss://${DISPATCHER_2#* }"
done

# The hosts' keys, and one that logs in on all of them.
cp -Rp dispatcher-1/client client/client
ssh-keygen -q -t ed25519 -N '' -C visitor -f client/id_ed25519
cp client/id_ed25519.pub hosts/authorized_keys
for host in $HOSTS; do
  ssh-keygen -q -t ed25519 -N '' -C "$host" -f "hosts/$host"
  echo "$host $(cut -d ' ' -f 1-2 "hosts/$host.pub")" >> client/client/known_hosts
done
printf 'user: visitor\nauth: [publickey]\nidentities: [%s]\n' "${IDENTITY:-/pogo/id_ed25519}" > client/.pogoconf
chmod 0755 hosts
chmod 0644 hosts/authorized_keys
chown -R "$OWNER" dispatcher-1 dispatcher-2 worker-1 worker-2 client
: > home/made
echo 'the instance is made'
