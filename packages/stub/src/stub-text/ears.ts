/** How a background shell of ours hears: the reader, the events, the sleep that they end, and the pipe. */
export const earsText = `
# Tells the listener $1, and wakes it unless that is a heartbeat; in plain mode by signal $2.
_tell() {
  [ $_pipe ] || {
    kill -$2 $_self
    return
  }
  echo ,$1 >&6
  [ $1 = h ] || kill -USR2 $_self
}

_pass_on() {
  while read -r _y; do
    case $_y in
      h) _tell h USR1 ;;
      t) _tell t PROF ;;
      k) _tell k ABRT ;;
%claim a) [ ! $_pipe ] || _tell a ;;
    esac
  done
  _tell c ALRM
}

# Event $1 (the cause) allows the command $2 ms to end. The first cause is reported, the shortest grace counts. One event may
# interrupt another between any two commands: so each of the two is one command.
_event() {
  _cause=\${_cause:-$1}
  _grace=$((\${_grace:-$2} < $2 ? _grace : $2))
  _wake
}

_wake() {
  _woken=1
  [ $_sleep ] && kill -9 $_sleep
}

_end_sleep() {
  kill -9 $_sleep && wait $_sleep
  _sleep=
}

# Sleeps $1 ms, or until an event; with $2 an interrupted sleep goes on, and is the next one.
_tick() {
  [ $_sleep ] || {
    _n=$(($1 / 1000))
    _y=$(($1 % 1000 + 1000))
    [ $_y = 1000 ] || _n=$_n.\${_y#1}
    sleep $_n >/dev/null 4>&- 5<&- 6>&- &
    _sleep=$!
  }
  [ $_woken ] && kill -9 $_sleep
  while
    _beat=
    # No handler runs between this assignment and the wait.
    wait \${_waits:=$_sleep}
    _y=$? _waits=
    [ ! $_woken ] && [ $_beat ] && kill -0 $_sleep
  do :; done
  [ $2 ] && [ $_y -gt 137 ] || _end_sleep
  # A sleep that takes no fractions fails at once; one that fails on whole seconds, twice, leaves no clock to go by.
  [ $_woken$_beat ] || [ $_y = 0 ] || [ $_y -gt 128 ] && _failed= || case $_n in
    *.*) _tick $(($1 / 1000 * 1000 + 1000)) ;;
    *)
      [ ! $_failed ] || _event 7 0
      _failed=1
      ;;
  esac
}

# Takes what we were told from the pipe, without waiting; the command's process id and the shell's messages stay there.
_hear() {
  [ $_pipe ] || return
  echo . >&6
  while read -r _y; do
    case $_y in
      .) return ;;
      ,h) _beats=3 ;;
      ,t) _event 2 $_killGrace ;;
      ,k) _event 3 0 ;;
      ,c)
        _gone=1
        _event 4 1000
        ;;
%claim ,a) _acked=1 ;;
      ,e*) _ended=\${_y#,e} _woken=1 ;;
      *)
        echo "$_y" >&6
        _pid=\${_pid:-$_y}
        ;;
    esac
  done <&5
}

# Takes what we were told since the last time.
_listen() {
  _woken=
  _hear
}

# Begins to listen.
_ears() {
  trap '_beats=3 _beat=1' USR1
  trap '[ $_pipe ] || _ended=1 _waits=;[ $_waits ] && _woken=1 || _wake' USR2
  trap "_event 2 $_killGrace" PROF
  trap '_event 3 0' ABRT
  trap '_gone=1;_event 4 1000' ALRM
  trap '_event 6 1000' HUP TERM
  trap _tries=600 PIPE
  # What is started from here needs no locale, whose files cost more than \`sleep\` and \`rm\` themselves.
  export LC_ALL=C
%claim umask 077
  [ $_proc ] && set -- /proc/self/task/* && _self=\${1##*/} || _self=$(exec sh -c 'echo $PPID')
  _pass_on <&3 3<&- >/dev/null 4>&- 5<&- &
  _reader=$!
  exec 3<&-
  _beats=3
}

_deaf() {
  kill -9 $_reader
  wait $_reader
  _end_sleep
}
`;
