/** Where files of ours may lie on a host, and whose they are: account, boot, and processes by their start. */
export const placesText = `
# Calls $1 for each place that may hold claims, until it succeeds.
_everywhere() {
  for _place in "$HOME" /var/tmp/$_private /dev/shm/$_private /tmp/$_private; do
    $1 && return
  done
}

_away() {
  [ "$_place" != "$HOME" ]
}

# Fails, and leaves no empty directory of ours.
_abandon() {
  _away && rmdir "$_place"
  false
}

_prepare() {
  _away && mkdir -m 700 "$_place"
  [ -O "$_place" ]
}

# _birth: the start time of process $1; empty when it has ended.
_date() {
  _stat $1
  _pick
}

_pick() {
  set -- $_fields
  _birth=\${20}
  [ $1 != Z ] || _birth=
}

# Finds out the account and the boot; fails without /proc.
_identify() {
  _oldest=$((_today - 31))
  IFS=- read -r _boot _y </proc/sys/kernel/random/boot_id
  while read -r _y _n _p; do
    case $_y in
      Umask:) _mask=$_n ;;
      Uid:)
        _private=.pogo-$_n
        return
        ;;
    esac
  done </proc/self/status
  false
}
`;
