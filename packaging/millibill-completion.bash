# bash completion for millibill: commands, sub-commands, options and what they take, read from --help
_millibill_shipped() { # _millibill_shipped FOLDER: names of the files that ship with the program, as --price-book and the like take them
    local here
    here=$(dirname "$(readlink -f "$(type -P "${COMP_WORDS[0]}")")")
    find "$here/../share/millibill/$1" "$here/../../$1" -maxdepth 1 -name '*.yaml' 2>/dev/null | sed 's|.*/||; s|\.yaml$||' | sort -u
}

_millibill_value() { # _millibill_value OPTION: the words that it takes; nothing where it takes a file or something free
    case $1 in
    --price-book | -b) _millibill_shipped rater/books ;;
    --alternative | -a) _millibill_shipped reports/alternatives ;;
    --catalogue) _millibill_shipped reports/catalogues ;;
    --scenario | -s) _millibill_shipped agent/scenarios ;;
    --tenant | -t | --account) "${COMP_WORDS[0]}" tenant list --json 2>/dev/null | sed -n "s/^ *\"$([ "$1" = --account ] && echo account || echo tenant)\": \"\([A-Za-z0-9._-]*\)\",\{0,1\}$/\1/p" | sort -u ;;
    --month | -m) for back in 0 1 2 3; do date -u -d "$(date -u +%Y-%m-15) -$back month" +%Y-%m; done ;;
    --by) echo tenant account function month day hour region architecture memory mode ;;
    --arch) echo x86_64 arm64 ;;
    --state) echo preview final ;;
    --format | -f) # "ndjson, csv or lambda-report": the words before a semicolon
        sed -n 's/^ *-f, --format FORMAT *//p; s/^ *--format FORMAT *//p' <<<"$2" | sed 's/;.*//; s/.*://; s/ or /, /; s/,/ /g' ;;
    esac
}

_millibill() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} program=${COMP_WORDS[0]} help words='' option='' kind
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z-]*\) .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words --help --version" -- "$word")
        return
    fi
    local command=("${COMP_WORDS[1]}")
    help=$("$program" "${command[@]}" --help 2>/dev/null)
    if grep -q '^Commands:' <<<"$help"; then
        words=$(sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' <<<"$help")
        if [ "$COMP_CWORD" -eq 2 ]; then
            mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$word")
            return
        fi
        command+=("${COMP_WORDS[2]}")
        help=$("$program" "${command[@]}" --help 2>/dev/null)
    fi
    # the line of the option that stands before the word, and what it takes: FILE, DIR, NAME, …
    if [[ $before == -* ]]; then
        option=$(sed -n '/^Options:/,/^$/p' <<<"$help" | grep -E -- "^ *(-., )?$before |^ *$before, ")
        kind=$(sed -nE 's/^ *(-., )? *--[a-z-]+ ([A-Z][^ ]*).*/\2/p' <<<"$option")
    fi
    if [ -n "${kind:-}" ]; then
        words=$(_millibill_value "$(sed -nE 's/^ *(-., )? *(--[a-z-]+).*/\2/p' <<<"$option")" "$help")
        [ "$kind" != DIR ] || { mapfile -t COMPREPLY < <(compgen -d -- "$word"); return; }
    elif [[ $word == -* ]]; then
        words=$(sed -n '/^Options:/,/^$/p' <<<"$help" | sed -nE 's/^ *(-., )? *(--[a-z][a-z-]*).*/\2/p')
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o default -F _millibill millibill
