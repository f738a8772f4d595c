/** Receiving the command itself, as raw bytes on the channel, into a private folder named after the claim. */
export const scriptText = `
_fold() {
  rm -rf "$_folder"
  _place=\${_folder%/*}
  _folder=
  _abandon
}

# Makes the folder in $_place; things must run there, unless they run nowhere ($_any).
_unfold() {
  _prepare || return
%nolasting _folder=$_place/$_own.d
%lasting _folder=$_place/$_own.s.d
  _path=$_folder/$_script
  mkdir -m 700 "$_folder" && echo '#!/bin/sh' >"$_path" && [ -s "$_path" ] && chmod 700 "$_path" && { "$_path" || [ $_any ]; } && return
  _fold
}

_pour() {
  head -c 0 </dev/null && exec head -c $_bytes
  # No such \`head\`: no byte more may be taken than there are.
  while
    _n=$(wc -c <"$_path")
    [ $((_n)) -lt $_bytes ] && [ "$_n" != "$_size" ]
  do
    _size=$_n
    _n=$((_bytes - _n))
    [ $_n -lt 32768 ] || _n=32768
    dd bs=$_n count=1 || return
  done
}

# Ends what receives when nothing has come for three thirds of the silence limit. In the background.
_watch_over() {
  trap _wake USR2
  exec 3<&-
  _size=
  while [ ! $_woken ]; do
    _tick $((_silence / 3))
    [ $_woken ] || {
      _n=$(wc -c <"$_path")
      [ "$_n" = "$_size" ] || _rest=3
      _size=$_n
      [ $((_rest -= 1)) -gt 0 ] || {
        kill -9 $_head
        exit 5
      }
    }
  done
  exit 0
}

_receive() {
  _greet
  _private=\${_private:-.pogo-script}
  _own=\${_own:-$_key$_index-$$-0-0}
  _everywhere _unfold || {
    _any=1
    _everywhere _unfold || _leave 'x place'
  }
  _frame 'r 0'
  _size=
  _pour <&3 >"$_path" &
  _head=$!
  _watch_over &
  _guard=$!
  wait $_head
  _status=$?
  kill -USR2 $_guard
  wait $_guard
  _y=$?
  _n=$(wc -c <"$_path")
  [ $((_n)) = $_bytes ] || {
    [ $_y != 5 ] || _leave 'x silent'
    [ $_status = 0 ] && echo . >"$_folder/.full" && [ -s "$_folder/.full" ] && _leave 'x cut'
    _leave 'x space'
  }
  _frame v
  [ ! $_any ] || {
    IFS= read -r _interpreter <"$_path"
    case $_interpreter in
      '#!'*) _interpreter=\${_interpreter#??} ;;
      *) _leave 'x exec' ;;
    esac
  }
}
`;
