# atoll.bash: completion of ./run and ./check in bash. Use it with: source images/completion/atoll.bash
_atoll_run() {
    local word=${COMP_WORDS[COMP_CWORD]}
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --exec | --hypervisor) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    --firmware) mapfile -t COMPREPLY < <(compgen -W 'bios uefi' -- "$word") ;;
    --accel) mapfile -t COMPREPLY < <(compgen -W 'auto tcg kvm' -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W '--build --no-build --headless --exec --firmware --bare --direct
        --hypervisor --options --throw-away --accel --cpus --memory --timeout --qemu-arg --help' -- "$word") ;;
    esac
}
_atoll_check() {
    mapfile -t COMPREPLY < <(compgen -W 'format headers scripts unit hypervisor system --long --list --help' \
        -- "${COMP_WORDS[COMP_CWORD]}")
}
complete -o filenames -F _atoll_run ./run
complete -F _atoll_check ./check
