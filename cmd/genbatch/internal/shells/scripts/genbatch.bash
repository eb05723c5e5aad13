# Completion of genbatch for bash 3.2 and later; bash alone is enough. Install it with
#   genbatch completion bash > ~/.local/share/bash-completion/completions/genbatch
# or put this line into ~/.bashrc:
#   source <(genbatch completion bash)

_genbatch() {
    local line program=${1/#\~/$HOME}
    type -P -- "$program" >/dev/null || program=genbatch
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <("$program" __complete bash "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" \
        "${COMP_TYPE:-9}" "${COLUMNS:-80}" 2>/dev/null </dev/null)
}

# genbatch says itself where a blank follows. Bash before 4.4 does not know nosort.
complete -o nospace -o nosort -F _genbatch genbatch 2>/dev/null ||
    complete -o nospace -F _genbatch genbatch
