# redelta(1) completion for bash. Made by scripts/completions.py from the help of redelta. Change that, and make this anew.
_redelta() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} verb='' given='' i name options
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            -b | --block-size | -S | --sum-size | -H | --hash | -R | --rollsum | --max-output | -T | --threads | --max-memory | --max-blocks | --sparse | --rsh | --remote-program | --limit-rate | --max-rounds | -o | --output | --basis | --html)
                [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++))
                ((i++))
                ;;
            = | -*) ;;
            *)
                given=${COMP_WORDS[i]}
                break
                ;;
        esac
    done
    for name in signature delta patch sync diff merge reverse verify inspect estimate expand dataset push pull; do
        [[ -n $given && $name == "$given"* ]] && verb=$name && break
    done
    if [[ $cur == = ]]; then
        cur=''
        prev=$prev=
    elif [[ $prev == = ]]; then
        prev=${COMP_WORDS[COMP_CWORD - 2]}=
    fi
    COMPREPLY=()
    case $prev in
        -b | --block-size | --block-size=)
            return
            ;;
        -S | --sum-size | --sum-size=)
            return
            ;;
        -H | --hash | --hash=)
            mapfile -t COMPREPLY < <(compgen -W "blake2 md4" -- "$cur")
            return
            ;;
        -R | --rollsum | --rollsum=)
            mapfile -t COMPREPLY < <(compgen -W "rabinkarp rollsum" -- "$cur")
            return
            ;;
        --compress=)
            return
            ;;
        --max-output | --max-output=)
            return
            ;;
        -T | --threads | --threads=)
            return
            ;;
        --json=)
            compopt -o default
            return
            ;;
        --max-memory | --max-memory=)
            return
            ;;
        --max-blocks | --max-blocks=)
            return
            ;;
        --backup=)
            return
            ;;
        --sparse | --sparse=)
            mapfile -t COMPREPLY < <(compgen -W "auto always never" -- "$cur")
            return
            ;;
        --rsh | --rsh=)
            return
            ;;
        --remote-program | --remote-program=)
            return
            ;;
        --limit-rate | --limit-rate=)
            return
            ;;
        --max-rounds | --max-rounds=)
            return
            ;;
        -o | --output | --output=)
            compopt -o default
            return
            ;;
        --basis | --basis=)
            compopt -o default
            return
            ;;
        --html | --html=)
            compopt -o default
            return
            ;;
    esac
    if [[ $cur == -* ]]; then
        case $verb in
            signature) options='-b --block-size -S --sum-size -H --hash -R --rollsum -z --compress --max-output -f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            delta) options='-z --compress --no-verify --max-output --max-memory --max-blocks --exit-code -f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            patch) options='--no-verify --always-verify --max-output --max-memory --backup -t --times --follow --sparse -f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            sync) options='-n --dry-run -z --compress --backup -t --times --follow --max-output --exit-code --sparse -b --block-size --rsh --remote-program --partial --limit-rate --max-rounds -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            diff) options='-z --compress --dense --no-verify --max-output --max-memory --exit-code -f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            merge) options='-o --output --basis -z --compress --no-verify --max-output --max-memory -f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            reverse) options='-z --compress --dense --no-verify --max-output --max-memory -f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            verify) options='--max-memory -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            inspect) options='--ops --html --max-memory --max-blocks -f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            estimate) options='-S --sum-size -H --hash -R --rollsum --exit-code -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            expand) options='-z --compress --max-output --max-memory -f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
            dataset) options='-h --help' ;;
            push) options='-h --help' ;;
            pull) options='-h --help' ;;
            *) options='-f --force -T --threads -s --stats -v --verbose -q --quiet --progress --no-progress --json --accept-changed -h --help -V --version' ;;
        esac
        mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
    elif [[ -z $given ]]; then
        mapfile -t COMPREPLY < <(compgen -W "signature delta patch sync diff merge reverse verify inspect estimate expand dataset push pull" -- "$cur")
    else
        compopt -o default
    fi
}
complete -F _redelta redelta
