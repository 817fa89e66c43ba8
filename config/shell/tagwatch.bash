# bash completion of tagwatch; made by `tagwatch completion bash`
_tagwatch() {
  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"
  local path="${COMP_WORDS[1]}" flags="" words="" values=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W 'check scan outdated pr resolve history diff base extract report doctor ledger alerts serve explain baseline policy facts init trust knowledge demo schema completion help --help --version' -- "$cur")
    return
  fi
  case "$path" in
    help) mapfile -t COMPREPLY < <(compgen -W 'check scan outdated pr resolve history diff base extract report doctor ledger alerts serve explain baseline policy facts init trust knowledge demo schema completion help --help --version' -- "$cur"); return ;;
    ledger|alerts) [ "$COMP_CWORD" -gt 2 ] && path="$path ${COMP_WORDS[2]}" ;;
  esac
  case "$path" in
    'check')
      flags='-h --help --stdin-name --config --config-from --untrusted --format --output --color -q --quiet -v --verbose --fail-on --select --ignore --offline --refresh --max-time --engine --build-arg --env --fix --fix=pin --fix=bump:patch --fix=bump:minor --dry-run --baseline --prune --diff-base --all --exit-zero'
      case "$prev" in
        --stdin-name) values='-' ;;
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text compact json sarif github gitlab junit markdown csv cyclonedx' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
        --fail-on) values='error warning note never' ;;
        --select) values='-' ;;
        --ignore) values='-' ;;
        --max-time) values='-' ;;
        --build-arg) values='-' ;;
        --env) values='-' ;;
        --baseline) values='-' ;;
        --diff-base) values='-' ;;
      esac
      ;;
    'scan')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose --fail-on --select --ignore --env --no-alerts --repository --wait-lock --with-parent'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text compact json sarif markdown' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
        --fail-on) values='error warning note never' ;;
        --select) values='-' ;;
        --ignore) values='-' ;;
        --env) values='-' ;;
        --repository) values='-' ;;
        --wait-lock) values='-' ;;
      esac
      ;;
    'outdated')
      flags='-h --help --level --all --fail --config --config-from --untrusted --format --output --color -q --quiet -v --verbose --offline --refresh --max-time --build-arg --env'
      case "$prev" in
        --level) values='patch minor major' ;;
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json markdown' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
        --max-time) values='-' ;;
        --build-arg) values='-' ;;
        --env) values='-' ;;
      esac
      ;;
    'pr')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose --offline --refresh --max-time --build-arg --env --fail-on --comment'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text markdown json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
        --max-time) values='-' ;;
        --build-arg) values='-' ;;
        --env) values='-' ;;
        --fail-on) values='error warning note never' ;;
        --comment) values='github gitlab gitea' ;;
      esac
      ;;
    'resolve')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose --offline --refresh'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'history')
      flags='-h --help --library --bundle --at --why --moves --limit --config --config-from --untrusted --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --library) values='-' ;;
        --bundle) values='-' ;;
        --at) values='-' ;;
        --limit) values='-' ;;
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'diff')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose --offline --refresh --platform'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
        --platform) values='-' ;;
      esac
      ;;
    'base')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose --offline --refresh'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'extract')
      flags='-h --help --format --output --color -q --quiet -v --verbose --build-arg --env'
      case "$prev" in
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
        --build-arg) values='-' ;;
        --env) values='-' ;;
      esac
      ;;
    'report')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose --directory --from --projects'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='html text compact json sarif github gitlab junit markdown csv cyclonedx' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
        --directory) values='-' ;;
        --from) values='-' ;;
      esac
      ;;
    'doctor')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'ledger')
      flags='-h --help --config --config-from --untrusted'
      words='check backup restore forget rewind'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
      esac
      ;;
    'ledger check')
      flags='-h --help --mend --wait-lock --config --config-from --untrusted'
      case "$prev" in
        --wait-lock) values='-' ;;
        --config) values='-' ;;
        --config-from) values='-' ;;
      esac
      ;;
    'ledger backup')
      flags='-h --help --config --config-from --untrusted'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
      esac
      ;;
    'ledger restore')
      flags='-h --help --wait-lock --config --config-from --untrusted'
      case "$prev" in
        --wait-lock) values='-' ;;
        --config) values='-' ;;
        --config-from) values='-' ;;
      esac
      ;;
    'ledger forget')
      flags='-h --help --history --runs --compact --wait-lock --config --config-from --untrusted'
      case "$prev" in
        --history) values='-' ;;
        --runs) values='-' ;;
        --wait-lock) values='-' ;;
        --config) values='-' ;;
        --config-from) values='-' ;;
      esac
      ;;
    'ledger rewind')
      flags='-h --help --config --config-from --untrusted'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
      esac
      ;;
    'alerts')
      flags='-h --help --config --config-from --untrusted'
      words='list retry drop test'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
      esac
      ;;
    'alerts list')
      flags='-h --help --all --config --config-from --untrusted --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'alerts retry')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'alerts drop')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'alerts test')
      flags='-h --help --config --config-from --untrusted --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'serve')
      flags='-h --help --config --config-from --untrusted --listen --now --log-format --log-level'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --listen) values='-' ;;
        --log-format) values='text json' ;;
        --log-level) values='debug info warning error' ;;
      esac
      ;;
    'explain')
      flags='-h --help --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'baseline')
      flags='-h --help --config --config-from --untrusted --output --offline --build-arg --env'
      words='write'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --output) values='-' ;;
        --build-arg) values='-' ;;
        --env) values='-' ;;
      esac
      ;;
    'policy')
      flags='-h --help --path --config --config-from --untrusted --format --output --color -q --quiet -v --verbose'
      words='explain'
      case "$prev" in
        --path) values='-' ;;
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'facts')
      flags='-h --help --config --config-from --untrusted --output --key-env --key-file --public-key --name'
      words='export import keygen'
      case "$prev" in
        --config) values='-' ;;
        --config-from) values='-' ;;
        --output) values='-' ;;
        --key-env) values='-' ;;
        --key-file) values='-' ;;
        --public-key) values='-' ;;
        --name) values='-' ;;
      esac
      ;;
    'init')
      flags='-h --help --directory --config-only --from --schema --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --directory) values='-' ;;
        --from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'trust')
      flags='-h --help --digest --list --revoke --format --output --color -q --quiet -v --verbose'
      case "$prev" in
        --digest) values='-' ;;
        --revoke) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'knowledge')
      flags='-h --help --from --config --config-from --untrusted --format --output --color -q --quiet -v --verbose'
      words='show update'
      case "$prev" in
        --from) values='-' ;;
        --config) values='-' ;;
        --config-from) values='-' ;;
        --format) values='text json' ;;
        --output) values='-' ;;
        --color) values='auto always never' ;;
      esac
      ;;
    'demo')
      flags='-h --help --directory'
      case "$prev" in
        --directory) values='-' ;;
      esac
      ;;
    'schema')
      flags='-h --help'
      words='config policy'
      ;;
    'completion')
      flags='-h --help'
      words='bash zsh fish'
      ;;
  esac
  if [ "$values" = - ]; then
    compopt -o default 2>/dev/null
  elif [ -n "$values" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
  elif [ "${cur:0:1}" = - ]; then
    mapfile -t COMPREPLY < <(compgen -W "$flags" -- "$cur")
  elif [ -n "$words" ]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
  else
    compopt -o default 2>/dev/null
  fi
}
complete -F _tagwatch tagwatch
