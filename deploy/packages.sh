# shellcheck shell=bash
# Which Debian packages adit needs, and how its scripts install them on a person's machine: nothing that
# is already there is changed, no service is started, and none stays enabled that was not so before.
# Sourced by deploy/demo.sh and tests/run.sh; the names are those of Debian 12, Debian 13 and Ubuntu 24.04.

# To build the three programs.
# shellcheck disable=SC2034  # the lists are for the scripts that source this file
BUILD_PACKAGES=(g++ cmake ninja-build pkg-config libuv1-dev libfmt-dev libexpected-dev libssl-dev
  libyaml-cpp-dev libmnl-dev libsqlite3-dev libcli11-dev nlohmann-json3-dev libmicrohttpd-dev
  libcurl4-openssl-dev libseccomp-dev)

# To run the demo: namespaces, a carrier's NAT, stock WireGuard, and a web server at home.
# shellcheck disable=SC2034
DEMO_PACKAGES=(iproute2 nftables wireguard-tools wireguard-go nginx curl openssl python3)

# To run the tests: the demo's, Catch2, a kernel under QEMU, and the checkers of the layering tests.
# shellcheck disable=SC2034
TEST_PACKAGES=(catch2 git binutils clang-format shellcheck strace iputils-ping conntrack iperf3
  qemu-system-x86 busybox-static kmod cpio)

# For `tests/run.sh --all`: libFuzzer comes with clang.
# shellcheck disable=SC2034
FUZZ_PACKAGES=(clang libclang-rt-dev)

# missing_packages NAME...: those of them that are not installed, one a line.
missing_packages() {
  local name
  for name; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || echo "$name"
  done
}

# install_packages NAME...: installs what is missing. 0: all there; 77: not possible here (said why).
# A subshell, so that its EXIT trap puts things back however it ends.
install_packages() (
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || exit 0
  if ! command -v apt-get >/dev/null; then
    echo "adit: these Debian packages are needed, and there is no apt-get here: ${missing[*]}" >&2
    exit 77
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "adit: missing packages; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 77
  fi
  echo "adit: installing ${#missing[@]} packages: ${missing[*]}"
  exec 9</usr/sbin && flock 9 # one at a time: two would fight over policy-rc.d
  enabled_before=$(enabled_services)
  forbid_service_start
  trap 'allow_service_start; disable_new_services "$enabled_before"' EXIT
  apt_install "${missing[@]}" </dev/null
)

# The package lists are only fetched when they are absent or too old to be of use.
apt_install() {
  if ! apt_get install --simulate "$@" >/dev/null 2>&1; then
    apt_get update || return 1
    apt_get install "$@"
  else
    apt_get install "$@" || { apt_get update && apt_get install "$@"; }
  fi
}

apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-confold --no-install-recommends "$@"
}

# /usr/sbin/policy-rc.d is Debian's switch for this: status 101 means that no service may be started or
# stopped. A file that the administrator put there stays; ours is known by its mark, in case a run was killed.
policy_file=/usr/sbin/policy-rc.d
policy_mark="# put here by adit while it installs packages"

forbid_service_start() {
  [ -e "$policy_file" ] && return
  printf '#!/bin/sh\n%s\nexit 101\n' "$policy_mark" >"$policy_file"
  chmod 755 "$policy_file"
}

allow_service_start() {
  if grep -qsxF "$policy_mark" "$policy_file"; then rm -f "$policy_file"; fi
}

# Everything that the next boot would start: systemd's links and the System V ones.
enabled_services() {
  find /etc/systemd/system /etc/rc[S2345].d -type l \
    \( -path '*.wants/*' -o -path '*.requires/*' -o -name 'S[0-9][0-9]*' \) 2>/dev/null | sort
}

# disable_new_services BEFORE: what a package has enabled since is disabled again, and said.
disable_new_services() {
  local links link name
  mapfile -t links < <(comm -13 <(printf '%s\n' "$1") <(enabled_services))
  for link in ${links[@]+"${links[@]}"}; do
    name=${link##*/}
    case $link in
      /etc/rc*) update-rc.d "${name#S[0-9][0-9]}" disable >/dev/null 2>&1 || : ;;
      *)
        deb-systemd-helper disable "$name" >/dev/null 2>&1 || :
        echo "adit: left disabled: $name (it came with a package; adit does not need it to run)"
        ;;
    esac
    rm -f "$link"
  done
}
