/** Getting the host lock for a run; its rules are in `claim.ts`. */
export const lockText = `
# Puts our claim into $_place. A full disk takes the name, but nothing into it.
_put() {
  _prepare || return
  _claim=$_place/$_own
  echo $_job $_attempt $_today >"$_claim"
  [ -s "$_claim" ] || {
    rm -f "$_claim"
    _abandon
  }
}

# Leaves without having run anything; $1 says why.
_leave() {
  _greet
  _frame "$1"
%script [ ! "$_folder" ] || _fold
  _old=
  _clear
  exit
}

_lock() {
  [ $_proc ] && _identify || return
  _date $$
  _own=$_key$_index-$$-$_birth-$_boot
  # \`umask\` would take a fork.
  _mask=\${_mask:-$(umask)}
  umask 077
  _everywhere _put || _claim=
%fence _everywhere _bar || _leave 'x fence'
  umask $_mask
  [ "$_claim" ] || return
  _look
  [ ! "$_holder" ] || [ $_fenced ] || {
    _greet
    _wait &
    wait $! || _leave "u $? $_holder"
    _look
  }
  [ ! $_fenced ] || _leave "f $_fenced"
}
`;
