/** The actor: it measures timeout and silence while the command runs, stops its session, and reports the end. */
export const actorText = `
# Whether anything of the session lives. Newcomers are asked to end as well.
_alive() {
  for _p in $_left; do
    [ $_proc ] && _stat $_p || { kill -0 $_p && _fields=? || _fields=; }
    case $_fields in
      [ZX]* | "") ;;
      *) return 0 ;;
    esac
  done
  _signal TERM
  [ "$_left" ]
}

_stop() {
  _end_sleep
  [ $_grace = 0 ] || _signal TERM
  _step=20
  while
    _listen
    [ $_grace -gt 0 ] && _alive
  do
    [ $_step -lt $_grace ] || _step=$_grace
    _grace=$((_grace - _step))
    _tick $_step
    [ $_step -gt 300 ] || _step=$((_step * 2))
  done
  _tries=0
  while
    _listen
    _signal KILL
    [ "$_left" ] && [ $((_tries += 1)) -lt 20 ]
  do _tick $((_tries * 20)); done
  _hear
  [ $_ended ] || { kill -0 $$ && _tick 1000; }
  _hear
  [ ! "$_left" ] && [ $_session != - ] || _cause=$((_cause + 8))
  # The main shell is gone, or waits for something that can't be killed: report in its place.
  [ $_ended ] || {
    _report - $_cause
    kill -KILL $$
  }
}

# Empties the pipe.
_drain() {
  [ ! $_pipe ] || {
    echo = >&6
    while read -r _y; do
      case $_y in
        =) break ;;
        ,*) ;;
        [0-9]*) _pid=$_y ;;
        ?*) _message=1 ;;
      esac
    done <&5
  }
}

# Reports the end: status $1, verdict $2.
_report() {
  _drain
%script [ ! "$_folder" ] || _fold
  kill -0 -$_pid && _group=1
%nosteps _y="e $1 $2 $_group \${_pipe:-0} $_message"
%steps _y="e $1 $2 $_group \${_pipe:-0}$_at $_message"
%claim # E4: the record is there before anyone is told. A daemon that the command left behind holds nothing: the claim ends here.
%claim [ ! "$_claim" ] || echo "$_y" >>"$_claim"
  _frame "$_y"
  _frame e >&4
}

%nosteps _act() {
%nosteps   _ears
%steps _watch() {
  while
    _listen
    [ ! $_ended$_cause ]
  do
    _step=$((_silence / 3))
    [ $_step -lt $_rest ] || _step=$_rest
    _tick $_step $_pipe
    _hear
    [ $_woken$_ended$_cause ] || {
      [ $((_rest -= _step)) -gt 0 ] || _event 1 $_killGrace
      [ $((_beats -= 1)) -gt 0 ] || {
        _gone=1
        _event 5 1000
      }
      kill -0 $$ || _event 6 1000
    }
  done
%steps }

%steps _act() {
%steps   _ears
%steps   _watch
  [ $_ended ] && _cause=0 || _stop
%steps [ ! $_pipe ] || [ $_cause != 0 ] || ! _onward $_ended || {
%steps   _deaf
%steps   exit 64
%steps }
  [ ! $_pipe ] || {
    [ ! $_ended ] || _report $_ended $_cause
%claim # Waits for the acknowledgement: an earlier one was none.
%claim _acked=
%claim for _p in 1 2 3 4; do
%claim   _listen
%claim %nolasting [ $_gone$_acked ] || _tick 10000
%claim %lasting [ $_acked ] || _tick $((_silence / 4))
%claim done
%claim _hear
  }
  _deaf
%claim [ ! $_acked ] || _clear
  exit $_cause
}
`;
