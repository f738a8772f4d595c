/** A wall-clock instant for people, in the machine's time zone: `2026-11-22 16:05:07`. */
export function timeText(atMs: number): string {
  const date = new Date(atMs);
  const two = (number: number) => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
