import { type ClientProfile, clientProfileSchema, homeLayout } from '@pogo/protocol';
import { readPublicFile, replaceFile } from './private-files.js';

/** Puts the dispatcher's present address into the client's profile. @throws FileRefused when there is none. */
export async function updateClientProfile(home: string, url: string, temporaryName: string): Promise<void> {
  const { client } = homeLayout(home);
  const profile = clientProfileSchema.parse(JSON.parse(await readPublicFile(client.profile)));
  if (profile.url === url) return;
  await replaceFile(client.profile, clientProfileText({ ...profile, url }), { mode: 0o600, temporaryName });
}

export function clientProfileText(profile: ClientProfile): string {
  return `${JSON.stringify(profile, null, 2)}\n`;
}
