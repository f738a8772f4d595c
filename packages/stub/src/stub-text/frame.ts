/** Telling the worker, and looking at a process. */
export const frameText = `
# Writes frame $1 to stdout; what is read from a file may be any length. A command may have left the stream non-blocking, and full: then it is tried again.
_frame() {
  _tries=0
  until printf '\\036pogo-%s %.400s\\n' $_nonce "$1"; do
    # Where \`printf\` is a program, a broken pipe ends that, and not us.
    [ $? -lt 128 ] && [ $((_tries += 1)) -lt 600 ] && sleep 1 || return
  done
}

# Says that we are here: alone where something else comes before the command.
_greet() {
  [ $_ready ] || {
    _frame b >&4
    _frame b
    _ready=1
  }
}

# The fields of /proc/$1/stat behind the name, which may hold anything.
_stat() {
  _fields=
  while read -r _y; do _fields=$_fields$_y; done </proc/$1/stat
  _fields=\${_fields##*\\) }
}
`;
