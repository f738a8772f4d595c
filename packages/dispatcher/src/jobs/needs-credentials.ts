/** What a job in `needs-credentials` waits for, and what to do. */
export const needsCredentials =
  'credentials: nobody holds, or can open, those that the job was submitted with any more; resume it with new ones (pogo resume)';
