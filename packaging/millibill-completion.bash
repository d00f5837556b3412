# bash completion for millibill: commands, sub-commands and options, read from --help
_millibill() {
    local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} words=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=($("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p'))
    else
        local help
        help=$("$program" "${COMP_WORDS[1]}" ${COMP_WORDS[2]:+$([[ ${COMP_WORDS[2]} =~ ^[a-z-]+$ && $COMP_CWORD -gt 2 ]] && echo "${COMP_WORDS[2]}")} --help 2>/dev/null)
        if [[ $word == -* ]]; then
            words=($(sed -n 's/.*\(--[a-z][a-z-]*\).*/\1/p' <<<"$help"))
        elif [ "$COMP_CWORD" -eq 2 ]; then
            words=($(sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' <<<"$help"))
        fi
    fi
    COMPREPLY=($(compgen -W "${words[*]}" -- "$word"))
}
complete -o default -F _millibill millibill
