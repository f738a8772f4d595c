/**
 * The text that is pushed to a host: POSIX sh, readable here, minified for the wire.
 *
 * Invariants of the text, cited as S1 ... by its comments and by the tests:
 * - **S1** The whole is one brace group: a shell parses it to the end before it runs anything, so a cut text runs nothing.
 * - **S2** The command gets /dev/null as stdin, the channel's own stdout and stderr, no descriptor of ours, and default signal
 *   dispositions: it runs in the foreground of the main shell, because what a shell starts with `&` ignores INT and QUIT.
 * - **S3** Nothing is written on the host, and when the main shell exits, nothing of ours runs: the actor stops the reader and
 *   the sleep before the end frames are written.
 * - **S4** Nobody relies on a signal interrupting `wait`: a handler that has something to say ends the running sleep. What we
 *   start is ended by KILL alone: between fork and exec a child has our handlers, and any other signal can be lost in them.
 * - **S5** A kill is confirmed only by a scan that finds no living process of the session; who is signalled was looked at alone.
 * - **S6** The budget on top of the command: 3 forks (actor, reader, sleep) and 3 execs (sh, setsid, sleep).
 *
 * Who does what:
 * - the *main shell* starts the actor, runs the command, and reports its end;
 * - the *actor* measures timeout and silence, one sleep at a time, and stops the command's session;
 * - the *reader* passes on control lines, and the end of stdin, to the actor.
 *
 * The three talk through a pipe: the read end of a here-document, opened a second time through /proc for writing. In it are the
 * command's process id, what the actor is told (lines that begin with a comma), and the main shell's stderr. USR2 only wakes the
 * actor: of two signals in quick succession bash and BusyBox may lose one inside `wait`, a line in the pipe is not lost.
 *
 * Exit status or signal? dash, BusyBox and bash print a message ("Killed") about a foreground command that a signal ended; it lands
 * in that pipe. Hosts without /proc, and shells whose here-documents are files, use the *plain mode* instead: the command is
 * started with `&` (S2 without INT and QUIT), the actor is told by a signal for each event, and a status above 128 stays
 * ambiguous, except under ksh93. Bash before 5.1 would write a file too, and takes a process substitution (a fourth fork).
 *
 * Names begin with `_`, so that an exported variable of the account is hardly ever taken for one of ours.
 */
const readableText = `{
# Writes frame $1 to stdout. A command may have left the stream non-blocking, and full: then it is tried again.
_frame() {
  _tries=0
  until printf '\\036pogo-%s %s\\n' $_nonce "$1"; do
    [ $((_tries += 1)) -lt 600 ] && sleep 1 || return
  done
}

# Becomes the command.
_command() {
  exec 2>&4 3<&- 4>&- 5<&-
  exec $_setsid "$@"
}

# Tells the actor $1, and wakes it unless that is a heartbeat; in plain mode by signal $2.
_tell() {
  if [ $_pipe ]; then
    echo ,$1 >&6
    [ $1 = h ] || kill -USR2 $_self
  else
    kill -$2 $_self
  fi
}

_reader() {
  while read -r _y; do
    case $_y in
      h) _tell h USR1 ;;
      t) _tell t PROF ;;
      k) _tell k ABRT ;;
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
  [ ! $_sleep ] || kill -9 $_sleep
}

# Sleeps $1 ms, or until an event.
_tick() {
  _n=$(($1 / 1000))
  _y=$(($1 % 1000 + 1000))
  [ $_y = 1000 ] || _n=$_n.\${_y#1}
  sleep $_n >/dev/null 4>&- 5<&- 6>&- &
  _sleep=$!
  [ ! $_woken ] || kill -9 $_sleep
  while
    _beat=
    wait $_sleep
    _y=$?
    [ ! $_woken ] && [ $_beat ] && kill -0 $_sleep
  do :; done
  kill -9 $_sleep && wait $_sleep
  _sleep=
  # A sleep that takes no fractions fails at once; one that fails on whole seconds, twice, leaves no clock to go by.
  if [ $_woken$_beat ] || [ $_y = 0 ] || [ $_y -gt 128 ]; then
    _failed=
  else
    case $_n in
      *.*) _tick $((($1 / 1000 + 1) * 1000)) ;;
      *)
        [ ! $_failed ] || _event 7 0
        _failed=1
        ;;
    esac
  fi
}

# The fields of /proc/$1/stat behind the name, which may hold anything.
_stat() {
  _fields=
  while read -r _y; do _fields=$_fields$_y; done </proc/$1/stat
  _fields=\${_fields##*\\) }
}

# Takes what the actor was told from the pipe, without waiting; the command's process id and the shell's messages stay there.
_hear() {
  [ $_pipe ] || return
  echo . >&6
  while read -r _y; do
    case $_y in
      .) return ;;
      ,h) _beats=3 ;;
      ,t) _event 2 $_killGrace ;;
      ,k) _event 3 0 ;;
      ,c) _event 4 1000 ;;
      ,e) _ended=1 _woken=1 ;;
      *)
        echo "$_y" >&6
        _pid=\${_pid:-$_y}
        ;;
    esac
  done <&5
}

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
          kill -$_name $_p
          kill -CONT $_p
        }
        ;;
    esac
  done
}

# Whether anything of the session lives. Newcomers are asked to end as well.
_alive() {
  for _p in $_left; do
    if [ $_proc ]; then _stat $_p; else kill -0 $_p && _fields=? || _fields=; fi
    case $_fields in
      [ZX]* | "") ;;
      *) return 0 ;;
    esac
  done
  _signal TERM
  [ "$_left" ]
}

_stop() {
  [ $_grace = 0 ] || _signal TERM
  _step=20
  while
    _woken=
    _hear
    [ $_grace -gt 0 ] && _alive
  do
    [ $_step -lt $_grace ] || _step=$_grace
    _grace=$((_grace - _step))
    _tick $_step
    [ $_step -gt 300 ] || _step=$((_step * 2))
  done
  _tries=0
  while
    _woken=
    _hear
    _signal KILL
    [ "$_left" ] && [ $((_tries += 1)) -lt 20 ]
  do _tick $((_tries * 20)); done
  _hear
  [ $_ended ] || { kill -0 $$ && _tick 1000; }
  _hear
  [ ! "$_left" ] && [ $_session != - ] || _cause=$((_cause + 8))
  # The main shell is gone, or waits for something that can't be killed: report in its place.
  [ $_ended ] || {
    _frame "e - $_cause"
    _frame e >&4
    kill -KILL $$
  }
}

_actor() {
  trap '_beats=3 _beat=1' USR1
  trap '[ $_pipe ] || _ended=1;_wake' USR2
  trap "_event 2 $_killGrace" PROF
  trap '_event 3 0' ABRT
  trap '_event 4 1000' ALRM
  trap '_event 6 1000' HUP TERM
  trap _tries=600 PIPE
  exec 6>&2 2>/dev/null
  [ $_proc ] && read -r _self _y </proc/self/stat || _self=$(exec /bin/sh -c 'echo $PPID')
  _reader <&3 3<&- >/dev/null 4>&- 5<&- &
  _reader=$!
  exec 3<&-
  _beats=3
  while [ ! $_woken ]; do
    _step=$((_silence / 3))
    [ $_step -lt $_rest ] || _step=$_rest
    _tick $_step
    _hear
    [ $_woken ] || {
      [ $((_rest -= _step)) -gt 0 ] || _event 1 $_killGrace
      [ $((_beats -= 1)) -gt 0 ] || _event 5 1000
      kill -0 $$ || _event 6 1000
    }
  done
  _hear
  [ $_ended ] && _cause=0 || _stop
  kill -9 $_reader
  wait $_reader
  exit $_cause
}

_main() {
  exec 3<&0 4>&2 </dev/null
  _proc= _pipe= _pid= _session= _woken= _ended= _sleep= _cause= _grace= _message= _failed= _group=0 _setsid=setsid
  [ ! -r /proc/self/stat ] || _proc=1
  command -v setsid >/dev/null 2>&1 || _setsid=
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
      command exec 2>/proc/self/fd/5 && _pipe=1\${BASH_VERSION:+2}
      ;;
  esac
  if [ $_pipe ]; then
    _actor &
    _actor=$!
    (
      read -r _pid _y </proc/self/stat
      echo $_pid >&2
      _frame b >&4
      _frame "b $_pid \${_setsid:+1}"
      _command "$@"
    )
    _status=$?
  else
    exec 2>/dev/null
    _frame b >&4
    _frame b
    _command "$@" &
    _pid=$!
    _frame "s $_pid \${_setsid:+1}"
    _actor &
    _actor=$!
    wait $_pid
    _status=$?
    # ksh93 may miss one signal on its way into \`wait\`.
    kill -USR2 $_actor
  fi
  echo ,e >&2
  kill -USR2 $_actor 2>/dev/null
  wait $_actor 2>/dev/null
  _cause=$?
  [ ! $_pipe ] || {
    echo = >&2
    while read -r _y; do
      case $_y in
        =) break ;;
        ,*) ;;
        [0-9]*) _pid=$_y ;;
        *) _message=$_message$_y ;;
      esac
    done <&5
  }
  kill -0 -$_pid 2>/dev/null && _group=1
  _frame "e $_status $_cause $_group \${_pipe:-0} $_message"
  _frame e >&4
}

_nonce=@nonce _rest=@timeout _killGrace=@grace _silence=@silence
@parameters
_main "$@"
exit 0
}
`;

/** Strips what only people read, and shortens our own names, which all begin with an underscore. */
function minify(text: string): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ';
  const names = new Map<string, string>();
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter(
      (line, index, lines) => !line.startsWith('#') && (line !== '' || lines[index - 1] === 'exec 5<<E'),
    )
    .join('\n')
    .replace(/\b_[a-zA-Z]+\b/g, (name) => {
      const short = names.get(name) ?? `_${alphabet.charAt(names.size)}`;
      names.set(name, short);
      return short;
    });
}

/** What one run tells the text, besides environment and arguments. Durations in whole milliseconds. */
export interface StubSettings {
  nonce: string;
  timeoutMs: number;
  killGraceMs: number;
  silenceMs: number;
}

const [head, tail] = minify(readableText).split('@parameters\n') as [string, string];

/** The text around the parameters of a run (shell lines that export its environment and set its arguments). */
export function stubText({ nonce, timeoutMs, killGraceMs, silenceMs }: StubSettings): {
  head: string;
  tail: string;
} {
  return {
    head: head
      .replace('@nonce', nonce)
      .replace('@timeout', String(timeoutMs))
      .replace('@grace', String(killGraceMs))
      .replace('@silence', String(silenceMs)),
    // The shell runs the brace group once it has seen the line's end.
    tail: `${tail}\n`,
  };
}
