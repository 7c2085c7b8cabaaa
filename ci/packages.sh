# Sourced by the scripts: `need COMMAND-OR-FILE PACKAGE...` installs Debian packages by name when
# the command (or, with a slash in it, the file) is not there and this machine has apt-get and
# allows it. Fails with a sentence where it can not.

packages_updated=

need() {
    local what=$1
    shift
    case $what in
        */*) compgen -G "$what" >/dev/null && return ;;
        *) command -v "$what" >/dev/null && return ;;
    esac
    local sudo=
    [ "$(id -u)" = 0 ] || sudo="sudo -n"
    if ! command -v apt-get >/dev/null; then
        echo "$what is missing (Debian: $*)" >&2
        return 1
    fi
    if [ -z "$packages_updated" ]; then
        $sudo apt-get -qq update >&2 || true
        packages_updated=yes
    fi
    echo "installing $* (for $what)" >&2
    DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install -y "$@" >/dev/null 2>&1 || {
        echo "$what is missing, and installing $* failed" >&2
        return 1
    }
}
