/** What to do about a job that doesn't go on by itself. */

export function credentialsAdvice(job: string): string {
  return `nothing holds the credentials of ${job} any more, so nothing new starts: \`pogo resume ${job}\` asks for them again, \`pogo halt ${job}\` ends it`;
}

export function unknownAdvice(job: string): string {
  return `what became of it there is not known: \`pogo resolve ${job}\` asks the hosts`;
}
