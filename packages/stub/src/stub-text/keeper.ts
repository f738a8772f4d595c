/**
 * The keeper of a command that outlives its connection: what stands on the host in the channel's place, and the follower that joins
 * a connection to it. The stub that runs the command is the ordinary one; its channel is a private folder, `CLAIM.d`, with
 *
 * - `in`, a pipe for control lines and the script; `o.p` and `e.p`, pipes for its output;
 * - `oN` and `eN`, the output in pieces of `_piece` bytes, the stub's frames in it; `w` while somebody may still want it;
 * - `l`, a pipe that ends when the stub has; `id`: job, attempt and nonce; `r`: who follows; `t`, the stub's text, until it was opened.
 *
 * - **K1** Each byte of output is in exactly one place of one piece: whoever follows says how far another one had come.
 * - **K2** Of each stream no more than four pieces lie there: where the fifth would begin, the command is held back as by a slow reader.
 *   One piece behind the one that is followed stays, for what a worker that died had received and not written down.
 * - **K3** One follows at a time: a further one ends the one before.
 * - **K4** The folder goes as soon as the stub has left and everything was received, and `_limit` seconds after the stub at the latest
 *   (E4); what a restart of the host leaves of it is swept with the claim, by the next stub there.
 * - **K5** Nothing begins before the stub's text has arrived whole.
 */
export const keeperText = `
# Makes the folder in $_place.
%noattach _open() {
%noattach   _prepare || return
%noattach   _folder=$_place/$_key$_index-$$.d
%noattach   mkdir -m 700 "$_folder" && mkfifo "$_folder/in" "$_folder/o.p" "$_folder/e.p" "$_folder/l" && echo $_job $_attempt $_run >"$_folder/id" && [ -s "$_folder/id" ] && : >"$_folder/w" && return
%noattach   _drop
%noattach }

_drop() {
  rm -rf "$_folder"
  _place=\${_folder%/*} _folder=
  _abandon
}

# Passes on $1 bytes, and takes no more.
_take() {
  if head -c 0 </dev/null; then
    head -c $1
  else
    dd bs=1 count=$1
  fi
}

# Ends who follows.
_dismiss() {
  read -r _p _n <"$_folder/r" && _date $_p && [ "$_birth" = "$_n" ] && kill -TERM $_p
}

# Puts what comes on stream $1 into pieces; in the background.
%noattach _pump() {
%noattach   _dd= _m=0
%noattach   trap 'kill -9 $_dd;exit' USR1
%noattach   exec 8<"$_folder/$1.p"
%noattach   while :; do
%noattach     while [ $_m -gt 3 ] && [ -e "$_folder/$1$((_m - 4))" ]; do sleep 1; done
%noattach     _size=0
%noattach     while [ $_size -lt $_piece ]; do
%noattach       _y=$((_piece - _size)) _n=1
%noattach       [ $_y -le 8192 ] || {
%noattach         _n=$((_y / 8192))
%noattach         _y=8192
%noattach       }
%noattach       dd bs=$_y count=$_n <&8 >>"$_folder/$1$_m" &
%noattach       _dd=$!
%noattach       wait $_dd || {
%noattach         # The disk is full: what can't be kept must not go on.
%noattach         echo k >>"$_folder/in"
%noattach         rm -f "$_folder/$1.p"
%noattach         return
%noattach       }
%noattach       _y=$(wc -c <"$_folder/$1$_m")
%noattach       [ $((_y)) != $_size ] || return
%noattach       _size=$((_y))
%noattach     done
%noattach     _m=$((_m + 1))
%noattach   done
%noattach }

# Stands by until the stub has left and nobody wants its output any more; in the background.
%noattach _keep() {
%noattach   exec >/dev/null 3<&- 4>&- 5>&- 9<&-
%noattach   trap '' HUP INT QUIT TERM
%noattach   _pump o &
%noattach   _o=$!
%noattach   _pump e &
%noattach   _e=$!
%noattach   # Opens when the stub has opened all that is its own.
%noattach   exec 7<"$_folder/l"
%noattach   rm "$_folder/t"
%noattach   read -r _y <&7
%noattach   while [ -e "$_folder/w" ] && [ $((_limit -= 1)) -ge 0 ]; do sleep 1; done
%noattach   # Some shells may miss a signal.
%noattach   while kill -USR1 $_o || kill -USR1 $_e; do sleep 0.1 || sleep 1; done
%noattach   [ ! -e "$_folder/w" ] || _dismiss
%noattach   _drop
%noattach }

# Becomes the stub, once told where its folder is.
%noattach _launch() {
%noattach   IFS= read -r _folder <&5
%noattach   _keep &
%noattach   umask $_mask
%noattach   exec setsid /bin/sh -s <"$_folder/t" 8<> "$_folder/in" >"$_folder/o.p" 2>"$_folder/e.p" 3<&- 4>&- 5>&- 7>"$_folder/l"
%noattach }

# Takes the stub's text, and starts it.
%noattach _begin() {
%noattach   command -v setsid >/dev/null && command -v mkfifo >/dev/null && _everywhere _open || return
%noattach   _frame 'r 0'
%noattach   _take $_bytes <&3 >"$_folder/t"
%noattach   _n=$(wc -c <"$_folder/t")
%noattach   [ $((_n)) = $_bytes ] || {
%noattach     _drop
%noattach     return
%noattach   }
%noattach   exec 5<> "$_folder/in"
%noattach   _launch &
%noattach   # The claim will have this name, before the process becomes the stub and after.
%noattach   _date $!
%noattach   _y=$_place/$_key$_index-$!-$_birth-$_boot.d
%noattach   mv "$_folder" "$_y"
%noattach   _folder=$_y
%noattach   echo "$_folder" >&5
%noattach }

# Looks for the folder in $_place.
%attach _find() {
%attach   for _folder in "$_place"/$_key$_index-*-$_boot.d; do
%attach     [ -O "$_folder" ] && [ -p "$_folder/in" ] && read -r _y _n _p <"$_folder/id" && [ "$_y $_n" = "$_job $_attempt" ] && return
%attach   done
%attach   _folder=
%attach   false
%attach }

# Becomes what passes on stream $1 from piece $2, of which $3 bytes are known.
_tail() {
  : >>"$_folder/$1$2"
  exec tail -c +$(($3 + 1)) -f "$_folder/$1$2"
}

_quit() {
  kill -9 $_o $_e
  exit
}

_main() {
  exec 3<&0 4>&2 </dev/null 2>/dev/null
  _ready= _folder= _o= _e= _mask=
  trap _tries=600 PIPE
  _greet
  [ -r /proc/self/stat ] && _identify && {
%noattach   _mask=\${_mask:-$(umask)}
    umask 077
%noattach   _begin
%attach   _everywhere _find
  }
  [ "$_folder" ] || {
%noattach _frame 'x keeper'
%attach _frame 'x gone'
    exit
  }
%noattach _frame v
%attach # Whether all that was written is there: pieces go from the first on.
%attach _y=1
%attach [ -e "$_folder/o0" ] || [ ! -e "$_folder/o1" ] || _y=
%attach [ -e "$_folder/e0" ] || [ ! -e "$_folder/e1" ] || _y=
%attach read -r _n _n _n <"$_folder/id"
%attach _frame "k $_n $_y"
%attach exec 5<> "$_folder/in"
%attach _dismiss
  _date $$
  echo $$ $_birth >"$_folder/r"
  trap _quit HUP TERM
  _tail o $1 $2 3<&- 4>&- 5>&- &
  _o=$!
  _tail e $3 $4 >&4 3<&- 4>&- 5>&- &
  _e=$!
  while read -r _y _n <&3; do
    case $_y in
      w) _take $_n <&3 >&5 ;;
      o)
        kill -9 $_o
        rm -f "$_folder/o$((_n - 2))"
        _tail o $_n 0 3<&- 4>&- 5>&- &
        _o=$!
        ;;
      e)
        kill -9 $_e
        rm -f "$_folder/e$((_n - 2))"
        _tail e $_n 0 >&4 3<&- 4>&- 5>&- &
        _e=$!
        ;;
      h)
        [ -p "$_folder/o.p" ] && [ -p "$_folder/e.p" ] || _quit
        echo h >&5
        ;;
      a)
        rm -f "$_folder/w"
        echo a >&5
        for _n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
          [ ! -d "$_folder" ] || sleep 0.2 || sleep 1
        done
        _drop
        _quit
        ;;
      *) echo $_y >&5 ;;
    esac
  done
  _quit
}
`;
