# bash completion of gdbvm
_gdbvm() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} words=
  COMPREPLY=()
  local run='--help --format --firmware --memory --cpus --cpu --gdb --gdb-allow-remote --wait --append --initrd --module --drive --serial --display
    --virtio-console --virtio-rng --net
    --symbols --registers --on-triple-fault --on-reset --on-disconnect --log-level --log-file -h -m -c -S'
  local test='--help --root --timeout --filter --list --repeat --until-fail --tap --junit --json --keep-logs --gdb-path --gdbvm
    -h -D -j'
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W 'run debug test host image --help --version' -- "$current")
    return
  fi
  case "$previous" in
    --format) words='flat@ boot-sector multiboot pvh bzimage elf' ;;
    --gdb) words='tcp unix stdio pty tty none' ;;
    --serial | --virtio-console) words='stdio none file unix pty' ;;
    --display) words='text none' ;;
    --net) words='user tap none' ;;
    --registers) words='auto x86-64 any' ;;
    --on-triple-fault) words='auto stop exit' ;;
    --on-reset) words='restart stop exit' ;;
    --on-disconnect) words='continue stop exit' ;;
    --log-level) words='trace debug info warn error off' ;;
    -m | --memory | -c | --cpus | --cpu | --append | -D | -j | --timeout | --filter | --repeat) return ;;
    *)
      if [[ $current == -* ]]; then
        case "$command" in
          run | debug) words=$run ;;
          test) words=$test ;;
          host) words='--help --json -h' ;;
          image) words='--help --format --json -h' ;;
        esac
      else
        compopt -o default
      fi
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
} && complete -F _gdbvm gdbvm
