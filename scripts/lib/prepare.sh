# Sourced by the scripts beside it: checks Node, installs packages and builds the programs when that is needed.
# Expects `root` (the checkout); says on stderr what takes time, and nothing when there is nothing to do.

say() { printf '%s\n' "$*" >&2; }

check_node() {
	command -v node >/dev/null 2>&1 || { say "pogo: node-missing: Node.js 20.19 or newer is needed. Install it, then run this again."; exit 1; }
	node -e 'const [a,b]=process.versions.node.split(".").map(Number);process.exit(a>20||(a===20&&b>=19)?0:1)' ||
		{ say "pogo: node-too-old: Node.js 20.19 or newer is needed, this is $(node --version). Install a newer one, then run this again."; exit 1; }
}

# Packages are installed again when the lock file is newer than the last installation.
install_packages() {
	[ "$root/node_modules/.pogo-installed" -nt "$root/package-lock.json" ] && return 0
	say "Installing packages (once) ..."
	(cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2) || { say "pogo: install-failed: 'npm ci' failed, see above. Can the npm registry be reached?"; exit 1; }
	touch "$root/node_modules/.pogo-installed"
}

# The programs are built again when a source is newer than the last build.
build_programs() {
	stamp=$root/packages/.pogo-built
	if [ -f "$stamp" ] && [ -z "$(find "$root"/packages/*/src "$root/scripts/build.mjs" "$root/node_modules/.pogo-installed" -newer "$stamp" -print 2>/dev/null | head -n 1)" ]; then
		return 0
	fi
	say "Building ..."
	(cd "$root" && node scripts/build.mjs) || { say "pogo: build-failed: the build failed, see above."; exit 1; }
	touch "$stamp"
}

prepare() {
	check_node
	install_packages
	build_programs
}
