/**
 * The host lock (E3, E4): who may run under this key, and what earlier attempts left. Everything is a file named
 * `.pogo-KEY-INDEX-PID-START-BOOT` after its holder's own identity (process id, its start time, the boot), in the account's home or,
 * when that takes no file, in a private directory; whoever looks, looks at all of these places.
 *
 * - **C1** To run, a stub must see no other live claim *after* its own is there: of any two, the later to look sees the other.
 * - **C2** A live claim is removed by its own stub alone. Names don't recur, so what was seen to be stale stays so.
 * - **C3** A claim is live while its main shell lives or, once the command has begun, any process of the command's session.
 * - **C4** Its lines only grow: `JOB ATTEMPT DAY`, then `c PID START` (nothing but `exec` is left to do), then `e ...` (the end).
 *   With its end a claim becomes an outcome record: it holds nobody up.
 * - **C5** What isn't live is evidence: it is reported, and removed once that was acknowledged, or when it is 31 days old.
 * - **C6** A fence is the empty file `.pogo-KEY-fence-INDEX-DAY`. A stub looks for fences after its claim is there, and a fence is
 *   left before looking for claims: either the fencing stub sees the other, or the other sees the fence.
 */
export const claimText = `
# Leaves the fence in $_place, unless a restart of the host may empty that.
%fence _bar() {
%fence   case $_place in
%fence     "$HOME" | /var*) ;;
%fence     *) return 1 ;;
%fence   esac
%fence   _prepare && printf '' >"$_place/\${_key}fence-$_fence-$_today"
%fence }

# Whether process $1, born $2, lives, or else what it ran (C3). While a session has members, its number is given to nobody else.
_lives() {
  _date $1
  [ "$_birth" = $2 ] && return
  set -- $_begun
  [ $1 ] || return
  _date $1
  case $_birth in
    $2) ;;
    "")
      _session=$1 _pid=$1
      _signal 0
      [ "$_left" ]
      ;;
    *) false ;;
  esac
}

# Looks at $_file.
_judge() {
  _what=\${_file##*/}
  case $_what in
    *[!.a-z0-9-]* | *.d) return ;;
  esac
  IFS=-
  set -- \${_what#$_key}
  unset IFS
  case $#$1 in
    3fence)
%noprobe [ $2 -le $_index ] || _fenced=$2
%noprobe [ $3 -ge $_oldest ] || _old="$_old $_what"
%noprobe %fence [ $2 -ge $_fence ] || _old="$_old $_what"
      return
      ;;
    4*) ;;
    *) return ;;
  esac
  _begun= _end= _who=
  while read -r _y _n; do
    case $_y in
      c) _begun=$_n ;;
      e) _end=$_n ;;
      *) _who="$_y $_n" ;;
    esac
  done <"$_file"
%probe case "$1 $_who" in
%probe   "$_index $_job $_attempt "* | "$_index ") ;;
%probe   *) return ;;
%probe esac
  if [ ! "$_end" ] && [ $4 = $_boot ] && _lives $2 $3; then
    # Of several, the one that runs.
    [ "$_holder" ] && [ ! "$_begun" ] || _holder="$1 $2 $_who"
%noprobe [ $2 -gt $$ ] || _yield=1
  elif [ $1 -le $_index ] || [ \${_who##* } -lt $_oldest ]; then
    _old="$_old $_what"
    [ $_quiet ] || [ ! "$_who" ] || {
      _greet
      _frame "o $1 $_who/$_begun/$_end"
%probe _told=1
    }
  fi
}

_look_in() {
  for _file in "$_place"/$_key*; do
    [ -O "$_file" ] && [ "$_file" != "$_claim" ] && _judge
  done
  false
}

# Looks at all that others left: _holder is alive; _old is evidence, which is reported.
_look() {
  _holder= _yield= _old=
  _everywhere _look_in
}

_sweep() {
  # With the folders that are named after it.
  rm -rf "$_place/$_what"*
  _abandon
}

# Removes the evidence, and our own claim.
_clear() {
  for _what in $_old; do _everywhere _sweep; done
  [ "$_claim" ] || return
  _place=\${_claim%/*}
  _away || exec rm -f "$_claim"
  rm -f "$_claim"
  _abandon
}

# Waits until there is no holder and our claim is there, for $_waitMs at the longest; in the background. Of two that wait, the one
# with the lower process id keeps its claim, and the other takes its own back.
_wait() {
  _ears
  _quiet=1
  while
    _listen
    [ ! $_cause ] && [ $_waitMs -gt 0 ] && [ "$_holder$_aside" ]
  do
%noprobe [ ! $_yield ] || {
%noprobe   rm -f "$_claim"
%noprobe   _aside=1
%noprobe }
    _waitMs=$((_waitMs - 200))
    _tick 200
    _look
%noprobe [ "$_holder" ] || [ ! $_aside ] || {
%noprobe   _place=\${_claim%/*}
%noprobe   _put && _aside=
%noprobe   _look
%noprobe }
  done
  _deaf
  [ "$_cause$_holder$_aside" ] && exit \${_cause:-16}
  exit 0
}

# Waits 30 s for the acknowledgement where no actor does it. Not by signals: ksh93 loses some.
_await_alone() {
  [ "$_claim$_old" ] || return
%nolasting sleep 30 >/dev/null 3<&- 4>&- &
%lasting sleep $((_silence / 1000)) >/dev/null 3<&- 4>&- 7>&- &
  _sleep=$!
  {
    while read -r _y && [ "$_y" != a ]; do :; done
    kill -9 $_sleep
    [ "$_y" != a ] || _clear
  } <&3 >/dev/null &
  wait $_sleep && kill -9 $!
  wait $!
}
`;
