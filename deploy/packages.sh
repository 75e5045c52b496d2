# shellcheck shell=bash
# Which Debian packages adit needs, and how its scripts install them on a person's machine: nothing that
# is already there is changed, no service is started, and none stays enabled that was not so before.
# Sourced by deploy/demo.sh and tests/run.sh; the names are those of Debian 12, Debian 13 and Ubuntu 24.04.

# To build the three programs.
# shellcheck disable=SC2034  # the lists are for the scripts that source this file
BUILD_PACKAGES=(g++ cmake ninja-build pkg-config libuv1-dev libfmt-dev libexpected-dev libssl-dev
  libyaml-cpp-dev libmnl-dev libsqlite3-dev libcli11-dev nlohmann-json3-dev libmicrohttpd-dev
  libcurl4-openssl-dev libseccomp-dev)

# To make Debian packages of them (deploy/package.sh, deploy/install.sh).
# shellcheck disable=SC2034
PACKAGE_PACKAGES=(dpkg-dev file)

# To run the demo: namespaces, a carrier's NAT, stock WireGuard, and a web server at home.
# shellcheck disable=SC2034
DEMO_PACKAGES=(iproute2 nftables wireguard-tools wireguard-go nginx curl openssl python3)

# To run the tests: the demo's, Catch2, a kernel under QEMU, the checkers of the layering tests, the shells that adit
# completes words in, what looks at packages, units and manual pages, what makes and boots a Debian, a load balancer, and
# an ACME authority with two of its clients.
# shellcheck disable=SC2034
TEST_PACKAGES=(catch2 git binutils clang-format shellcheck strace iputils-ping conntrack iperf3
  qemu-system-x86 busybox-static kmod cpio zsh fish lintian mandoc groff man-db systemd
  debootstrap systemd-container haproxy pebble caddy lego)

# For `tests/run.sh --all`: libFuzzer comes with clang.
# shellcheck disable=SC2034
ALL_PACKAGES=(clang libclang-rt-dev)

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
  if [ ${#missing[@]} = 0 ]; then
    if policy_is_ours && [ "$(id -u)" = 0 ]; then take_turn && allow_service_start; fi
    exit 0
  fi
  if ! command -v apt-get >/dev/null; then
    echo "adit: these Debian packages are needed, and there is no apt-get here: ${missing[*]}" >&2
    exit 77
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "adit: missing packages; as root: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 77
  fi
  echo "adit: installing ${#missing[@]} packages: ${missing[*]}"
  take_turn || exit 1
  allow_service_start # where a run before this one was killed
  enabled_before=$(enabled_services)
  trap 'allow_service_start; disable_new_services "$enabled_before"' EXIT
  forbid_service_start || exit 1
  apt_install "${missing[@]}" </dev/null
)

# One at a time, until this shell and its apt have ended: two would fight over policy-rc.d.
take_turn() { exec 9</usr/sbin && flock 9; }

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

# /usr/sbin/policy-rc.d is Debian's switch for this: status 101 means that no service may be started or stopped.
# An administrator's that says so stays; any other is put aside for the time. A run that is killed leaves ours
# there, known by its mark; the next one puts things right, and the text says how a person does.
policy_file=/usr/sbin/policy-rc.d
policy_aside=/usr/sbin/policy-rc.d.before-adit
policy_mark="# put here by adit while it installs packages"

policy_is_ours() { grep -qsxF "$policy_mark" "$policy_file"; }

exists() { [ -e "$1" ] || [ -L "$1" ]; }

policy_forbids_start() { # asked as invoke-rc.d does: about nginx, and about a service that no rule names
  local service status
  for service in nginx adit-no-such-service; do
    status=0
    "$policy_file" "$service" start </dev/null >/dev/null 2>&1 || status=$?
    [ $status = 101 ] || return 1
  done
}

our_policy() {
  cat <<POLICY
#!/bin/sh
$policy_mark
# It keeps their services from being started. When no script of adit runs any more, one of them was killed:
# the next deploy/demo.sh or tests/run.sh puts this right. By hand, as root:
#   if [ -e $policy_aside ]; then mv $policy_aside $policy_file; else rm $policy_file; fi
exit 101
POLICY
}

# Every step is one rename: whenever it is killed, either file is whole.
forbid_service_start() {
  if exists "$policy_file"; then
    if policy_forbids_start; then return; fi
    echo "adit: $policy_file lets services start; put aside until the packages are installed"
    cp -a "$policy_file" "$policy_aside.new" || return 1
    mv -fT "$policy_aside.new" "$policy_aside" || return 1
  fi
  our_policy >"$policy_aside.new" && chmod 755 "$policy_aside.new" && mv -fT "$policy_aside.new" "$policy_file"
}

allow_service_start() {
  rm -f "$policy_aside.new"
  if exists "$policy_file" && ! policy_is_ours; then
    rm -f "$policy_aside" # a copy, of a run that was killed before it put ours there
  elif exists "$policy_aside"; then
    mv -fT "$policy_aside" "$policy_file"
  elif policy_is_ours; then
    rm -f "$policy_file"
  fi
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
