/** The `n`th (from 1) of the addresses that stand for hosts: 250 in each of 127.0.1.0/24, 127.0.2.0/24 and so on. */
export function loopbackAddress(n: number): string {
  return `127.0.${1 + Math.floor((n - 1) / 250)}.${1 + ((n - 1) % 250)}`;
}
