# shellcheck shell=bash
# What tests/run and tests/demo need of the host; to be sourced.

# ensure COMMAND=PACKAGE...: installs the Debian packages of the commands that are missing.
ensure() {
  local pair missing=()
  for pair; do
    command -v "${pair%%=*}" >/dev/null || [ -e "${pair%%=*}" ] || missing+=("${pair#*=}")
  done
  [ ${#missing[@]} = 0 ] || install_on_host "${missing[@]}"
}
install_on_host() {
  echo "==> installing on this host: $*"
  apt-get update -qq || echo "apt-get update failed; going on with the package lists at hand" >&2
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# The machines: their PID 1 is the host's own systemd where the host is the wanted Debian release.
ensure_machines() {
  local host suite other=()
  host=$(. /etc/os-release && echo "$ID/${VERSION_CODENAME:-}")
  for suite; do [ "$host" = "debian/$suite" ] || other=(mmdebstrap=mmdebstrap); done
  ensure python3=python3 git=git ip=iproute2 unshare=util-linux script=bsdutils pgrep=procps \
    /lib/systemd/systemd=systemd /usr/bin/dbus-daemon=dbus-daemon \
    /usr/share/dbus-1/system.conf=dbus ${other[@]+"${other[@]}"}
}

require_root() {
  [ "$(id -u)" = 0 ] || { echo "$0 boots machines and must be run as root" >&2; exit 1; }
}
