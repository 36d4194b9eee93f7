# Sourced by apps/quickstart and tests/run: packages and build. $root is the top of the tree.

# Installs the packages of packages.txt that are missing; no network is asked when none is.
install_packages() {
  local wanted missing=() package
  mapfile -t wanted < <(grep -Ev '^(#|$)' "$root/apps/support/packages.txt")
  for package in "${wanted[@]}"; do
    if [[ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]]; then
      missing+=("$package")
    fi
  done
  if ((${#missing[@]} == 0)); then
    echo "All packages are there."
    return
  fi
  local as_root=()
  if ((EUID != 0)); then
    as_root=(sudo)
  fi
  echo "Installing with ${as_root[*]:+${as_root[*]} }apt-get: ${missing[*]}"
  "${as_root[@]}" apt-get update -qq
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# build PRESET [TARGET…]: configures and builds, everything without targets.
build() {
  local preset=$1
  shift
  local targets=()
  if (($# > 0)); then
    targets=(--target "$@")
  fi
  (cd "$root" && cmake --preset "$preset" && cmake --build --preset "$preset" -j "$(nproc)" "${targets[@]}")
}
