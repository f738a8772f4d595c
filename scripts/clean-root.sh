#!/bin/sh
# Runs a command in a fresh clone of this repository, in a clean Debian 12 that has Node.js and nothing else:
#
#   scripts/clean-root.sh [--as root|user] [--rebuild] [--] COMMAND ARG...
#   scripts/clean-root.sh                    the demo as an ordinary user, then the tests as root
#
# As root on a machine with debootstrap and git. `--as user` runs as uid 1000, who is nobody special; `root` is the
# default. What is cloned is the last commit, not the working tree. Exit status: the command's.
#
# The base system is made once, by debootstrap, and kept in ${XDG_CACHE_HOME:-~/.cache}/pogo; `--rebuild` makes it
# anew. Node.js comes from this machine (Debian 12 has 18). So that registries can be reached as from here, the root
# gets this machine's resolv.conf, certificates, apt's and npm's proxy settings; no credentials.
#
# All mounts are in a mount namespace of its own and all processes in a process namespace of its own: both vanish
# with this script, however it ends. The directory is removed on every way out but SIGKILL, and then by the next run.
set -eu

suite=bookworm
mirror=${POGO_DEBIAN_MIRROR:-http://deb.debian.org/debian}
security=${POGO_DEBIAN_SECURITY_MIRROR:-http://deb.debian.org/debian-security}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/pogo
repository=$(cd "$(dirname "$0")/.." && pwd)
work=${TMPDIR:-/tmp}

say() { printf 'clean-root: %s\n' "$*" >&2; }
fail() { say "$*"; exit 125; }

# Inside the namespaces: mounts what a system needs, and becomes the command in the new root.
if [ "${1:-}" = --inside ]; then
	root=$2 as=$3
	shift 3
	mount --make-rprivate /
	mount --bind "$root" "$root"
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys" 2>/dev/null || true
	mount -t tmpfs -o mode=755 tmpfs "$root/dev"
	for device in null zero full random urandom tty; do
		: >"$root/dev/$device"
		mount --bind "/dev/$device" "$root/dev/$device"
	done
	mkdir "$root/dev/pts" "$root/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
	mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
	mount -t tmpfs -o mode=755 tmpfs "$root/run"
	mkdir -p "$root/run/lock"
	chmod 1777 "$root/run/lock"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	ln -s fd/0 "$root/dev/stdin"
	ln -s fd/1 "$root/dev/stdout"
	ln -s fd/2 "$root/dev/stderr"
	case $as in
	root) home=/root switch= ;;
	user) home=/home/visitor switch='setpriv --reuid visitor --regid visitor --init-groups --no-new-privs --' ;;
	esac
	path=/usr/local/bin:/usr/bin:/bin
	[ "$as" = user ] || path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	# Not exec: this shell stays as the first process, to collect those that lose their parent.
	# The environment is new: nothing of this machine's leaks in. $switch is several words on purpose.
	status=0
	# Not chroot: in a root that is no mount nobody can make user namespaces or mounts of their own, as tests do.
	mkdir "$root/.old"
	cd "$root"
	pivot_root . .old
	umount -l /.old
	rmdir /.old
	# shellcheck disable=SC2086
	$switch env -i HOME="$home" PATH="$path" LANG=C.UTF-8 TERM="${TERM:-dumb}" \
		USER="$(basename "$home")" LOGNAME="$(basename "$home")" SHELL=/bin/sh \
		NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt \
		${POGO_CLEAN_PROXY:+https_proxy="$POGO_CLEAN_PROXY" http_proxy="$POGO_CLEAN_PROXY"} \
		sh -c 'cd "$HOME/pogo" && exec "$@"' sh "$@" || status=$?
	exit "$status"
fi

as=root rebuild=
while [ $# -gt 0 ]; do
	case $1 in
	--as) as=${2:-}; shift 2 ;;
	--rebuild) rebuild=yes; shift ;;
	--) shift; break ;;
	--help | -h) sed -n '2,/^set -eu/{/^#/s/^# \{0,1\}//p;}' "$0"; exit 0 ;;
	-*) fail "unknown option '$1'" ;;
	*) break ;;
	esac
done
case $as in root | user) ;; *) fail "--as wants 'root' or 'user', not '$as'" ;; esac

if [ $# -eq 0 ]; then
	"$0" --as user -- ./scripts/demo
	exec "$0" --as root -- ./scripts/test
fi

[ "$(id -u)" = 0 ] || fail 'needs root, for debootstrap, chroot and mounts'
for tool in debootstrap git unshare chroot setpriv node npm; do
	command -v "$tool" >/dev/null || fail "$tool is missing; on Debian: apt-get install debootstrap git util-linux"
done

# Leftovers of runs that were killed. A directory's name ends in the pid of its owner.
for left in "$work"/pogo-clean-root-*; do
	[ -d "$left" ] || continue
	kill -0 "${left##*-}" 2>/dev/null || rm -rf --one-file-system "$left"
done
top=$work/pogo-clean-root-$$
root=$top/root
child=
clean_up() {
	trap - EXIT HUP INT TERM
	# The namespaces' first process takes all others with it, and the mounts. unshare blocks SIGTERM.
	if [ -n "$child" ]; then
		kill -KILL "$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	fi
	rm -rf --one-file-system "$top"
}
trap clean_up EXIT
trap 'clean_up; exit 129' HUP
trap 'clean_up; exit 130' INT
trap 'clean_up; exit 143' TERM
mkdir -m 755 "$top"

# The base system, without Node.js and without anything of this machine.
base=$cache/debian-12-$(dpkg --print-architecture).tar
if [ -n "$rebuild" ] || [ ! -f "$base" ]; then
	say "making the base system with debootstrap, once: $base"
	mkdir -p "$cache"
	# libstdc++6 is what Node.js needs; the user is the one who knows nothing of this project.
	debootstrap --variant=minbase --include=ca-certificates,libstdc++6 "$suite" "$top/base" "$mirror" \
		>"$top/debootstrap.log" 2>&1 || { tail -n 20 "$top/debootstrap.log" >&2; fail 'debootstrap failed'; }
	chroot "$top/base" useradd --uid 1000 --user-group --create-home --shell /bin/sh visitor
	rm -rf "$top/base/var/cache/apt/archives"/*.deb "$top/base/var/lib/apt/lists"/*
	tar -C "$top/base" --numeric-owner -cf "$base.$$" .
	mv "$base.$$" "$base"
	rm -rf --one-file-system "$top/base"
fi
mkdir -m 755 "$root"
tar -C "$root" --numeric-owner -xpf "$base"

# Node.js and npm, as files.
node=$(readlink -f "$(command -v node)")
modules=$(dirname "$(dirname "$(dirname "$(readlink -f "$(command -v npm)")")")")
mkdir -p "$root/usr/local/lib/node_modules" "$root/usr/local/include"
cp "$node" "$root/usr/local/bin/node"
cp -R "$modules/npm" "$root/usr/local/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
ln -s ../lib/node_modules/npm/bin/npx-cli.js "$root/usr/local/bin/npx"
headers=$(dirname "$(dirname "$node")")/include/node
[ ! -d "$headers" ] || cp -R "$headers" "$root/usr/local/include/node"

# The way to the registries.
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
if [ -f /etc/ssl/certs/ca-certificates.crt ]; then
	cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
fi
cat >"$root/etc/apt/sources.list" <<SOURCES
deb $mirror $suite main
deb $mirror $suite-updates main
deb $security $suite-security main
SOURCES
apt-config dump 2>/dev/null | grep -iE '^Acquire::(https?|ftp)::(proxy|verify|cainfo|timeout)|^Acquire::Retries' |
	grep -v '@' >"$root/etc/apt/apt.conf.d/99clean-root" || true
# Packages must not start their services in there.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/usr/local/etc"
for setting in registry cafile proxy https-proxy; do
	value=$(npm config get "$setting" 2>/dev/null || true)
	case $value in null | undefined | '' | *@*) continue ;; esac
	printf '%s=%s\n' "$setting" "$value"
done >"$root/usr/local/etc/npmrc"
{
	printf 'fund=false\naudit=false\nupdate-notifier=false\n'
	[ ! -d "$root/usr/local/include/node" ] || printf 'nodedir=/usr/local\n'
} >>"$root/usr/local/etc/npmrc"

# The fresh clone.
case $as in root) home=$root/root ;; user) home=$root/home/visitor ;; esac
git -c advice.detachedHead=false clone --quiet --no-local "$repository" "$home/pogo"
[ "$as" = root ] || chown -R 1000:1000 "$home/pogo"

say "running as $as in a clean Debian $(cat "$root/etc/debian_version") with Node.js $(node --version): $*"
POGO_CLEAN_PROXY=$(printf '%s' "${https_proxy:-}" | grep -v '@' || true)
export POGO_CLEAN_PROXY
# A child, so that the traps above run while it does; killed with this script, should that be killed. A shell takes
# stdin away from what runs beside it: hence the detour.
exec 3<&0
setpriv --pdeathsig KILL unshare --mount --pid --ipc --fork --kill-child=KILL \
	"$0" --inside "$root" "$as" "$@" <&3 3<&- &
child=$!
status=0
wait "$child" || status=$?
child=
exit "$status"
