/** Options that say where credentials come from: of commands that make a job, and of those that give one its credentials anew. */
import { integer, many, one, text } from '../command-line/option.js';
import { settingOption } from '../configuration/setting-option.js';

const descriptor = integer({ min: 0, max: 65_535 });

export const credentialOptions = {
  identities: many('--identity, --pk-file', 'private key file (repeatable)', {
    argument: 'FILE',
    parse: text,
    completes: 'file',
  }),
  passwordFile: settingOption(
    '--password-file',
    'password_file',
    'FILE',
    'file of mode 0600 with the password',
    'file',
  ),
  passwordDescriptor: one('--password-fd', 'open descriptor to read the password from', {
    argument: 'N',
    parse: descriptor,
  }),
  sudoPasswordFile: settingOption(
    '--sudo-password-file',
    'sudo_password_file',
    'FILE',
    'file of mode 0600 with the password for sudo, where it is not that of the login',
    'file',
  ),
  sudoPasswordDescriptor: one('--sudo-password-fd', 'open descriptor to read the password for sudo from', {
    argument: 'N',
    parse: descriptor,
  }),
  secrets: settingOption(
    '-S, --secrets',
    'secrets',
    'FILE',
    'YAML file of mode 0600: password, sudo_password, pvt_key_passphrase, secrets',
    'file',
  ),
  config: one('--config', 'configuration file instead of ~/.pogoconf', {
    argument: 'FILE',
    parse: text,
    completes: 'file',
  }),
} as const;
