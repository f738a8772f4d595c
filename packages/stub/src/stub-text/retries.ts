/** Further tries of a command that failed by itself. */
export const retriesText = `
# Whether status $1 of this try calls for another.
_again() {
  case $1 in
    0 | 126 | 127) return 1 ;;
  esac
  [ $_try -le $_retries ]
}

# Waits 5 s; an event ends all. In the background.
_pause() {
  _ears
  _rest=1
  while
    _listen
    [ ! $_cause ] && [ $_rest ]
  do
    _tick 5000
    [ $_woken ] || _rest=
  done
  _deaf
  exit \${_cause:-0}
}

# Runs the command until it succeeds, is stopped, or has had all its tries. Each try has an actor of its own, and its whole time.
_persist() {
  _try=1
  while
    export POGO_TRY=$_try
    _run "$@"
    case $_pipe/$_verdict in
      # An actor that the command's end reached before it could hear has died of USR2: the main shell decides in its place.
      /0 | *40 | *68) _again $_status ;;
      */64) ;;
      *) false ;;
    esac
  do
    _drain
    _pause &
    wait $!
    _verdict=$?
    [ $_verdict = 0 ] || {
      _paused=1
      return
    }
    _pid= _session= _message=
    _try=$((_try + 1))
  done
}
`;
