# Sourced by .ci/run and .ci/freebsd.

# Shows a command, then runs it.
show() {
    printf '+ %s\n' "$*"
    "$@"
}

# Runs a command up to three times: registries have bad moments.
retry() {
    local attempt
    for attempt in 1 2 3; do
        "$@" && return
        echo "attempt $attempt failed: $*" >&2
        sleep $((attempt * 5))
    done
    return 1
}

# Installs those Debian packages that are not there yet.
apt_install() {
    dpkg -s "$@" >/dev/null 2>&1 && return
    retry apt-get update -qq
    DEBIAN_FRONTEND=noninteractive retry apt-get install -y -qq --no-install-recommends "$@" \
        >/dev/null
}
