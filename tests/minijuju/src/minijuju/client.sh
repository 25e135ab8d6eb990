#!/bin/bash
# One client for every hook tool and for juju: sends its arguments to the daemon, prints the answer.
# juju has the three values below filled in; hook tools find the daemon by their environment.
home=
python=
source=

LC_ALL=C
trap '' PIPE
name=${0##*/}

# Sends token, folder, name and arguments. Fails, having printed nothing, when no answer comes.
ask() {
    local port=$1 format= size=0 word
    shift
    for word; do
        format+='%s\0'
        ((size += ${#word} + 1))
    done
    { exec 3<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null || return
    # shellcheck disable=SC2059
    printf "%s\n$format%s" "$size ${#input}" "$@" "$input" >&3 2>/dev/null
    read -r code out_size err_size <&3 2>/dev/null || { exec 3>&-; return 1; }
    out= err=
    ((out_size)) && IFS= read -r -N "$out_size" -d '' out <&3
    ((err_size)) && IFS= read -r -N "$err_size" -d '' err <&3
    exec 3>&-
    return 0
}

answer() {
    printf '%s' "$out"
    [[ -z $err ]] || printf '%s' "$err" >&2
    exit "$code"
}

input=
if [[ -z $home ]]; then
    previous=
    for word; do
        if [[ $word == --file=- || ($previous == --file && $word == -) ]]; then
            # bash reads a pipe byte by byte, and drops newlines at the end of what it substitutes.
            { input=$(/bin/cat; printf .); } 2>/dev/null
            input=${input%.}
        fi
        previous=$word
    done
    if [[ -z $JUJU_CONTEXT_ID ]]; then
        echo 'ERROR JUJU_CONTEXT_ID not set' >&2
        exit 1
    fi
    ask "${JUJU_AGENT_SOCKET_ADDRESS##*:}" "$JUJU_CONTEXT_ID" "$PWD" "$name" "$@" && answer
    echo 'ERROR the agent does not answer' >&2
    exit 1
fi

# The daemon may be ending just now, and then the next one. 254 says that the daemon on that port is
# another one.
while ((SECONDS < 60)); do
    port= token=
    { read -r port token <"$home/daemon"; } 2>/dev/null
    if [[ -n $port ]] && ask "$port" "$token" "$PWD" juju "$JUJU_MODEL" "$@" && ((code != 254)); then
        answer
    fi
    PYTHONPATH=$source "$python" -m minijuju start --home "$home" --stale "$port $token" </dev/null || exit 1
done
echo 'ERROR the minijuju daemon does not answer' >&2
exit 1
