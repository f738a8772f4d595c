#!/bin/sh
# A throw-away host: sshd with the key that init.sh has made for this container's name, and the account `visitor`.
set -eu
install -m 600 "/hosts/$(hostname)" /etc/ssh/host_key
install -d -m 700 -o visitor -g visitor ~visitor/.ssh
install -m 600 -o visitor -g visitor /hosts/authorized_keys ~visitor/.ssh/authorized_keys
mkdir -p /run/sshd
exec /usr/sbin/sshd -D -e -h /etc/ssh/host_key -o PasswordAuthentication=no -o MaxStartups=500 -o UsePAM=no
