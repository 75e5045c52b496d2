# shellcheck shell=bash
# A whole Debian in a folder, for tests that ask "does it work on a machine that has nothing?". Sourced.
# The folder is made once with debootstrap and kept in a cache; every use works on a throw-away layer over it.

cache=${XDG_CACHE_HOME:-$HOME/.cache}/adit

skip() { echo "skipped: $*" && exit 77; }

# Where this machine itself gets Debian from.
mirror() {
  # shellcheck disable=SC2016  # apt expands it
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep -m 1 '/debian/*$'
}

# bootstrap SUITE FOLDER: that Debian's minimal system plus git, or Ubuntu's (whose mirror $ADIT_UBUNTU_MIRROR may name).
bootstrap() {
  local include=git,ca-certificates keyring=/usr/share/keyrings/ubuntu-archive-keyring.gpg
  if [ "$1" != noble ]; then
    debootstrap --variant=minbase --include=$include "$1" "$2" "$(mirror)"
    return
  fi
  [ -e $keyring ] || { echo "no $keyring (package ubuntu-keyring of Ubuntu)" && return 1; }
  # All suites of Ubuntu have one script; Debian 12's debootstrap does not know this one by its name yet.
  debootstrap --variant=minbase --include=$include --components=main,universe --keyring=$keyring "$1" "$2" \
    "${ADIT_UBUNTU_MIRROR:-http://archive.ubuntu.com/ubuntu}" /usr/share/debootstrap/scripts/gutsy
}

# debian_root SUITE: prints the folder with that system.
debian_root() {
  local root=$cache/$1
  if [ ! -e "$root/ready" ]; then
    rm -rf "$root"
    mkdir -p "$root"
    bootstrap "$1" "$root/base" >"$root/log" 2>&1 ||
      { tail -n 5 "$root/log" >&2 && return 1; }
    # How apt reaches its mirror here; not what it installs from.
    cp -r /etc/apt/apt.conf.d/. "$root/base/etc/apt/apt.conf.d/"
    rm -rf "$root"/base/var/cache/apt/archives/*.deb
    touch "$root/ready"
  fi
  echo "$root/base"
}

# in_fresh_debian SUITE COMMAND...: COMMAND as root, in /adit, a copy of this source tree without build folders.
# Own mounts and processes (and what these tests need of them: /proc, /dev, /sys); the network is the machine's.
in_fresh_debian() {
  local base layer status=0
  base=$(debian_root "$1") || skip "debootstrap $1 does not work here"
  shift
  layer=$(mktemp -d "$cache/layer-XXXXXX")
  # shellcheck disable=SC2064  # $layer is meant as it is now
  trap "rm -rf '$layer'" EXIT
  # shellcheck disable=SC2016  # the inner shell expands
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child bash -c '
    set -e
    base=$1 layer=$2
    shift 2
    mkdir "$layer"/{changed,work,root}
    mount -t overlay overlay -o "lowerdir=$base,upperdir=$layer/changed,workdir=$layer/work" "$layer/root"
    mount -t proc proc "$layer/root/proc"
    mount --rbind /dev "$layer/root/dev"
    mount --rbind /sys "$layer/root/sys"
    cp -L /etc/resolv.conf /etc/hosts "$layer/root/etc/"
    mkdir "$layer/root/adit"
    git ls-files -z --cached --others --exclude-standard |
      while IFS= read -rd "" file; do [ -e "$file" ] && printf "%s\0" "$file"; done |
      tar -c --null --files-from - | tar -x -C "$layer/root/adit"
    chroot "$layer/root" env -i HOME=/root TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
      bash -c "cd /adit && exec \"\$@\"" fresh "$@"
  ' fresh "$base" "$layer" "$@" || status=$?
  rm -rf "$layer"
  return $status
}
