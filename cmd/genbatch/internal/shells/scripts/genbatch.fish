# Completion of genbatch for fish 3.0 and later. Install it with
#   genbatch completion fish > ~/.config/fish/completions/genbatch.fish

function __genbatch_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    command -sq -- $program; or set program genbatch
    command $program __complete fish $words (commandline -ct) 2>/dev/null </dev/null
end

complete -c genbatch -e
complete -c genbatch -f -k -a '(__genbatch_complete)'
