/**
 * What surrounds the command: hooks of the host, `--pre`, `--post`, a health check, and further tries.
 *
 * - **P1** The steps come in the order of `_course`, each in a session of its own, with an actor of its own and its whole time. A
 *   step that doesn't succeed is the last, and the end that is reported is its own: `_at` names it, in frames and in the claim.
 * - **P2** Where the host has no hooks and the job nothing but its command, this costs no fork: the command's actor reports.
 * - **P3** `,h` hooks before, `,b` before, nothing (the command itself), `,a` after, `,p` hooks after, `,g` health; a hook's name
 *   follows behind another comma, or `%` in its place where that isn't plain.
 */
export const stepsText = `
# Whether something follows the end of a step with status $1.
_onward() {
  case $1 in
    0)
%posthooks [ "$_at$_after" ] || [ -d /etc/pogo/post.d ]
%noposthooks [ "$_at$_after" ]
      ;;
    126 | 127) false ;;
    *) [ $_try -le $_again ] ;;
  esac
}

# Waits $_gap ms; an event ends all. In the background.
_pause() {
  _ears
  _rest=$_gap
  _watch
  _deaf
  [ $_cause = 1 ] && exit 0
  exit $_cause
}

# Runs what follows $1, the step's name, up to $_again times more while it fails; fails when nothing may come after it.
_perform() {
  _at=$1 _try=1
  shift
  while
    _mine=
%retries export POGO_TRY=$_try
    _run "$@"
    _going=1
    case $_pipe/$_verdict in
      # An actor that the end reached before it could hear has died of USR2: the main shell decides in its place.
      /0 | *40 | *68) _onward $_status ;;
      */64) ;;
      *) false ;;
    esac
  do
    _drain
    kill -0 -$_pid && _group=1
    _pid= _session= _message= _mine=1 _verdict=0
    [ $_status != 0 ] || return 0
    _pause &
    wait $!
    _verdict=$?
    [ $_verdict = 0 ] || return
    _try=$((_try + 1))
  done
  false
}

# Runs the hooks in $2, in order; one that can't be read fails as \`ls\` does.
%hooks _hooks() {
%hooks   [ ! -d $2 ] || [ -r $2 ] || _perform $1 ls $2 || return
%hooks   for _hook in $2/*; do
%hooks     [ -f "$_hook" ] && [ -x "$_hook" ] || continue
%hooks     _name=\${_hook##*/}
%hooks     case $_name in
%hooks       *[!a-zA-Z0-9._+-]*) _name=% ;;
%hooks     esac
%hooks     _perform $1,$_name "$_hook" || return
%hooks   done
%hooks }

_course() {
%prehooks _hooks ,h /etc/pogo/pre.d || return
%pre _perform ,b /bin/sh -c "$_pre" || return
%retries _again=$_retries _gap=5000
  _perform '' "$@" || return
%retries _again=0
%post _perform ,a /bin/sh -c "$_post" || return
%posthooks _hooks ,p /etc/pogo/post.d || return
%health _again=$_checks _gap=$_interval
%health _perform ,g /bin/sh -c "$_health" || return
  _at=
}
`;
