/** The main shell: it prepares, runs the command in its foreground, and reports the end where the actor can't. */
export const commandText = `
# Says that the command $_pid is being started.
_started() {
%steps [ ! $_going ] || {
%steps   _frame p$_at
%steps   return
%steps }
  _y=s
  [ $_ready ] || {
    _frame b >&4
    _y=b
  }
%nosteps _frame "$_y $_pid \${_setsid:+1} \${_claim:+1}"
%steps _frame "$_y $_pid \${_setsid:+1} \${_claim:+1}$_at"
}

# Becomes the command.
_command() {
  read -r _pid _fields </proc/self/stat
  [ ! $_pipe ] || {
    echo $_pid >&6
    _started
  }
%claim # Behind the frame: this line in the claim means that nothing but \`exec\` was left to do.
%claim [ ! "$_claim" ] || {
%claim   _fields=\${_fields##*\\) }
%claim   _pick
%claim %nosteps echo c $_pid $_birth >>"$_claim"
%claim %steps echo c $_pid $_birth $_at >>"$_claim"
%claim }
%nolasting exec 2>&4 3<&- 4>&- 5<&- 6>&-
%lasting exec 2>&4 3<&- 4>&- 5<&- 6>&- 7>&-
%noscript exec $_setsid "$@"
%script %steps [ ! $_at ] || _interpreter=
%script exec $_setsid $_interpreter "$@"
}

# Runs the command once. _verdict: the actor's; below 128 in pipe mode it has reported.
_run() {
  if [ $_pipe ]; then
    _act &
    _actor=$!
    exec 2>&6
    (_command "$@")
    _status=$?
    echo ,e$_status >&6
    exec 2>/dev/null
  else
    _greet
    _command "$@" &
    _pid=$!
    _started
    _act &
    _actor=$!
    wait $_pid
    _status=$?
    # ksh93 may miss one signal on its way into \`wait\`.
    kill -USR2 $_actor
  fi
  kill -USR2 $_actor
  wait $_actor
  _verdict=$?
}

_main() {
%nolasting exec 3<&0 4>&2 </dev/null 2>/dev/null
%lasting exec 3<&8 8<&- 4>&2 </dev/null 2>/dev/null
  unset _proc _pipe _woken _ended _sleep _waits _cause _grace _message _failed _gone _ready _claim
  _group=0 _setsid=setsid
  [ -r /proc/self/stat ] && _proc=1
  command -v setsid >/dev/null || _setsid=
  case $_proc$KSH_VERSION$ZSH_VERSION$YASH_VERSION in
    1)
      case $BASH_VERSION in
        [1-4].* | 5.0*)
          set +o posix
          eval 'exec 5< <(:)'
          ;;
        *)
          exec 5<<E

E
          ;;
      esac
      command exec 6>/proc/self/fd/5 && _pipe=1\${BASH_VERSION:+2}
      ;;
  esac
%claim unset _acked _old _quiet _fenced _mask _self _reader _aside
%script unset _folder _any _interpreter _own _private
%steps _at= _after= _going= _again=0
%post _after=1
%health _after=1
  trap _tries=600 PIPE
%claim _lock
%fence [ "$_claim" ] || _leave 'x fence'
  _pid= _session=
%script _receive
%script set -- "$_path" "$@"
%lasting _silence=$_lasting
%nosteps _run "$@"
%steps _course "$@"
%nosteps [ $_pipe ] && [ $_verdict -lt 128 ] || {
%steps [ $_pipe ] && [ $_verdict -lt 128 ] && [ ! $_mine ] || {
    _report $_status $_verdict
%claim _await_alone
  }
}
`;
