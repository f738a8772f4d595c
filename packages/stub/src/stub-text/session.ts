/** The command's session: who is in it, and sending all of it a signal. */
export const sessionText = `
# Finds out the command's session, once its process id is there.
_find() {
  [ $_pid ] || return
  _session=$_pid
  [ $_setsid ] || {
    _session=-
    _stat self
    set -- $_fields
    [ "$4" != $$ ] || _session=$$
  }
}

# Sends signal $1 to all of the session; _left names those that were there.
_signal() {
  _name=$1
  _left=-
  [ $_session ] || _find
  [ $_session ] || return
  _left=
  [ $_proc ] || {
    kill -$1 -$_pid || kill -$1 $_pid && _left=-$_pid
    return
  }
  # One \`cat\` spares reading every process byte by byte; a name may hold anything, so it only says whom to look at.
  _all=$(exec cat /proc/[0-9]*/stat)
  _pids=
  IFS='
'
  for _line in $_all; do
    case $_line in
      *") "[!ZX]*" $_session "* | "$_pid "*) _pids="$_pids \${_line%% *}" ;;
      *")"*) ;;
      *) _pids="$_pids \${_line%% *}" ;;
    esac
  done
  unset IFS
  [ "$_all" ] || _pids=$(cd /proc && echo [0-9]*)
  for _p in $_pids; do
    _stat $_p
    set -- $_fields
    case "$1 $_p" in
      [ZX]* | " "* | *" $$" | *" $_self" | *" $_reader") ;;
      *)
        [ $4 != $_session ] && [ $_p != $_pid ] || {
          _left="$_left $_p"
%claim [ $_name = 0 ] || {
          kill -$_name $_p
          kill -CONT $_p
%claim }
        }
        ;;
    esac
  done
}
`;
