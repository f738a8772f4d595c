/** The probe: asks what became of one attempt, and runs nothing. */
export const settleText = `
_main() {
  exec 3<&0 4>&2 </dev/null 2>/dev/null
  _proc= _pipe= _pid= _session= _woken= _ended= _sleep= _waits= _cause= _grace= _failed= _gone= _ready= _claim= _aside= _quiet= _told=
  _acked= _private= _boot= _self= _reader= _holder= _old= _setsid=1
  [ -r /proc/self/stat ] && _proc=1
  trap _tries=600 PIPE
  _greet
  [ $_proc ] && _identify && {
%fence umask 077
%fence _everywhere _bar || {
%fence   _frame 'x fence'
%fence   return
%fence }
    _look
    [ ! "$_holder" ] || {
      _wait &
      wait $!
      _look
    }
  }
  if [ "$_holder" ]; then
    _frame "l $_index $_job $_attempt"
  elif [ ! $_told ]; then
    read -r _y _n </proc/uptime
    _frame "n $_index $_job $_attempt \${_y%%.*}"
  fi
  _frame q
  _await_alone
}
`;
