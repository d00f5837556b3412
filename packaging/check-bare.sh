#!/bin/bash
# Do both README commands work on a fresh minimal Debian 12, as root and as an ordinary user with sudo?
#
# mmdebstrap makes the root; each user gets a copy of it of its own, entered with pivot_root in its own mount, pid, ipc
# and uts namespace, with /proc, /dev, /dev/shm, the host's resolver file and a policy-rc.d that starts no services.
# Packages come from wherever this machine's apt takes them. Only what git tracks is copied in: the commit HEAD, or with
# WORKTREE=1 the files as they lie here. Needs root. Takes minutes and some GB below TMPDIR (/var/tmp).
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
if [ "$(id -u)" -ne 0 ]; then
    exec sudo --preserve-env=WORKTREE,TMPDIR "$0" "$@"
fi

# --- inside the new root's namespaces -------------------------------------------------------------------------------

bind_devices() { # bind_devices ROOT
    local device
    mount -t tmpfs -o mode=755,nosuid,size=1m dev "$1/dev"
    for device in null zero full random urandom tty; do
        touch "$1/dev/$device"
        mount --bind "/dev/$device" "$1/dev/$device"
    done
    mkdir "$1/dev/pts" "$1/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$1/dev/pts"
    mount -t tmpfs -o mode=1777,nosuid,nodev shm "$1/dev/shm"
    ln -s pts/ptmx "$1/dev/ptmx"
    ln -s /proc/self/fd "$1/dev/fd"
    ln -s fd/0 "$1/dev/stdin"
    ln -s fd/1 "$1/dev/stdout"
    ln -s fd/2 "$1/dev/stderr"
}

enter() { # enter ROOT USER COMMAND
    local root=$1 user=$2 command=$3
    hostname bare
    mount --make-rprivate /
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    bind_devices "$root"
    cd "$root"
    mkdir old
    pivot_root . old
    umount -l /old
    rmdir /old
    cd /
    # A shell stays as process 1, so that it reaps what is left behind; a login shell gives the user's own environment.
    env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LANG=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        su "$user" -c "cd ~/millibill && $command" </dev/null
}

if [ "${1:-}" = --enter ]; then
    shift
    enter "$@"
    exit
fi

# --- outside --------------------------------------------------------------------------------------------------------

work=$(mktemp -d "${TMPDIR:-/var/tmp}/millibill-bare-XXXXXX")
trap 'rm -rf --one-file-system "$work"' EXIT

# This machine's own Debian sources, whatever mirror they name, and its proxy settings.
host_sources() {
    local file
    for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
        if [ -f "$file" ] && grep -qE '^(deb .*[[:space:]]|Suites:.*)bookworm([[:space:]]|$)' "$file"; then
            echo "$file"
        fi
    done
}

make_root() { # make_root DIRECTORY
    local sources
    mapfile -t sources < <(host_sources)
    apt-config dump | grep -iE '^Acquire::(https?|Retries|ForceIPv[46])' | grep -vi 'user-agent' >"$work/apt.conf" || true
    mmdebstrap --quiet --variant=minbase --aptopt="$work/apt.conf" bookworm "$1" "${sources[@]}" \
        >"$work/mmdebstrap.log" 2>&1 || { cat "$work/mmdebstrap.log" >&2; return 1; }
    cp -L /etc/resolv.conf "$1/etc/resolv.conf"
    printf '127.0.0.1 localhost bare\n::1 localhost\n' >"$1/etc/hosts"
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d"
    chmod 755 "$1/usr/sbin/policy-rc.d"
    rm -rf "$1"/var/lib/apt/lists/*
}

copy_sources() { # copy_sources DIRECTORY
    mkdir -p "$1"
    if [ -n "${WORKTREE:-}" ]; then
        (cd "$here" && git ls-files -co --exclude-standard -z | xargs -0 -I{} sh -c '[ -f "$1" ] && printf "%s\0" "$1"' _ {} |
            tar --null -T - -cf -) | tar -xf - -C "$1"
    else
        git -C "$here" archive HEAD | tar -xf - -C "$1"
    fi
}

in_root() { # in_root ROOT USER COMMAND
    unshare --mount --pid --ipc --uts --fork --kill-child "$0" --enter "$@"
}

# The user's root has sudo and a user with a closed home; both are what an ordinary machine has.
make_user() { # make_user ROOT
    mkdir -p "$1/root/millibill"
    in_root "$1" root 'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y install --no-install-recommends sudo' \
        >"$work/sudo.log" 2>&1 || { cat "$work/sudo.log" >&2; return 1; }
    in_root "$1" root 'useradd -m -s /bin/bash worker && chmod 700 ~worker && echo "worker ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/worker'
    rm -rf "$1"/var/lib/apt/lists/*
    rmdir "$1/root/millibill"
    copy_sources "$1/home/worker/millibill"
    chown -R --reference="$1/home/worker" "$1/home/worker/millibill"
}

verdicts=()
failed=0
try() { # try ROOT USER NAME COMMAND
    local root=$1 user=$2 name=$3 command=$4 started=$SECONDS verdict=passed
    echo "--- as $user: $command"
    in_root "$root" "$user" "$command" || verdict=FAILED
    [ $verdict = passed ] || failed=1
    verdicts+=("$(printf '%-6s  %-10s as %-6s  %4d s' "$verdict" "$name" "$user" $((SECONDS - started)))")
}

started=$SECONDS
echo "--- a minimal Debian 12 below $work"
make_root "$work/root"
cp -a "$work/root" "$work/user"
make_user "$work/user"
copy_sources "$work/root/root/millibill"
echo "--- made in $((SECONDS - started)) s"

try "$work/root" root 'make demo' 'apt-get update && apt-get install -y make && make demo'
try "$work/root" root 'make test' 'apt-get update && apt-get install -y make && make test'
try "$work/user" worker 'make demo' 'sudo apt-get update && sudo apt-get install -y make && make demo'
try "$work/user" worker 'make test' 'sudo apt-get update && sudo apt-get install -y make && make test'

echo "--- verdict on $(git -C "$here" rev-parse --short HEAD 2>/dev/null || echo '?')${WORKTREE:+ with the working tree}"
printf '%s\n' "${verdicts[@]}"
exit $failed
