#compdef genbatch
# Completion of genbatch for zsh. Install it in a folder of $fpath, such as
#   genbatch completion zsh > "${fpath[1]}/_genbatch"
# or put this line into ~/.zshrc, below compinit:
#   source <(genbatch completion zsh)

_genbatch() {
    local program=${~words[1]} home= value
    (( $+commands[$program] )) || [[ $program == */* && -x $program ]] || program=genbatch
    local -a answer open openshown closed closedshown
    answer=("${(@f)$("$program" __complete zsh "$COLUMNS" "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    # A tilde or a variable that begins a path is not to be quoted, so that it is not completed.
    if [[ $PREFIX == [~\$]*/* && -z $compstate[quote] ]]; then
        home=${PREFIX%%/*}/
        compset -p $#home
    fi
    while (( $#answer >= 3 )); do
        value=${answer[2]#"$home"}
        if [[ $answer[1] == open ]]; then
            open+=("$value") openshown+=("$answer[3]")
        else
            closed+=("$value") closedshown+=("$answer[3]")
        fi
        shift 3 answer
    done
    local -a expl long
    [[ "$openshown $closedshown" == *'  -- '* ]] && long=(-l)
    _description -V values expl value # for the styles of the user
    (( $#open )) && compadd "$expl[@]" $long -S '' -d openshown -a open
    (( $#closed )) && compadd "$expl[@]" $long -d closedshown -a closed
    (( $#open + $#closed ))
}

# As a file of $fpath it is called by its name; elsewhere it has to be made known.
if [[ $funcstack[1] == _genbatch ]]; then
    _genbatch "$@"
elif (( $+functions[compdef] )); then
    compdef _genbatch genbatch
fi
