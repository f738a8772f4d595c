/** What to do about a job that doesn't go on by itself. */

export function credentialsAdvice(job: string): string {
  return `nothing holds the credentials of ${job} any more, so nothing new starts: \`pogo resume ${job}\` asks for them again, \`pogo halt ${job}\` ends it`;
}

/** An `unknown` host counts until there is evidence, or somebody's word (E1): a job may come to a stand for it. */
export function unknownAdvice(job: string): string {
  return `hosts whose outcome is unknown go on counting against limits: \`pogo resolve ${job}\` asks the hosts what became of it, \`pogo release ${job} EXPR\` says that they are well`;
}

/** What a failed host holds is freed by nobody but a person (S3). */
export function deadlockAdvice(job: string): string {
  return `hosts that went wrong hold their places: \`pogo retry ${job}\` tries again there, \`pogo release ${job} EXPR\` says that they are well`;
}
