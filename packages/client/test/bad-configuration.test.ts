/** What people get wrong about configuration: input, exit code, and text that must occur. */
import { type BadInput, run, tryBadInput } from './support/bad-input.js';

const cases: BadInput[] = [
  {
    what: 'an unknown key in .pogoconf',
    args: run('true'),
    configuration: 'user: deploy\nprot: 22\n',
    says: ['home/.pogoconf:2:1: unknown key "prot": did you mean port?', 'pogo: unknown-setting: '],
  },
  {
    what: 'a wrong type in .pogoconf',
    args: run('true'),
    configuration: 'timeout: [1, 2]\n',
    says: ['.pogoconf:1:10: timeout: expected one value'],
  },
  {
    what: 'a wrong value in .pogoconf',
    args: run('true'),
    configuration: 'user: a\nport: many\n',
    says: ['.pogoconf:2:7: port: "many" is not a whole number'],
  },
  {
    what: 'a .pogoconf that is no YAML',
    args: run('true'),
    configuration: 'auth: [publickey\n',
    says: ['pogo: invalid-configuration: ', '.pogoconf:', 'not valid YAML'],
  },
  {
    what: 'a configuration file that is missing',
    args: run('--config', 'nowhere', 'true'),
    says: ['configuration file nowhere: there is no such file'],
  },
  {
    what: 'a wrong variable',
    args: run('true'),
    env: { POGO_PORT: 'x' },
    says: ['POGO_PORT: "x" is not a whole number'],
  },
  {
    what: 'a relative POGO_HOME',
    args: ['ping'],
    env: { POGO_HOME: 'here' },
    says: ['pogo: invalid-home: POGO_HOME is "here"'],
  },
  {
    what: 'no dispatcher',
    args: ['ping'],
    env: { POGO_HOME: '/nonexistent' },
    code: 1,
    says: ['pogo: no-dispatcher: ', '`pogo up`'],
  },
  {
    what: 'a wrong truth value in .pogoconf',
    args: run('true'),
    configuration: 'forward_agent: maybe\n',
    says: ['.pogoconf:1:16: forward_agent: "maybe" is none of true, false'],
  },
  {
    what: 'a wrong number of retries in .pogoconf',
    args: run('true'),
    configuration: 'run_as: root\nretry: 1000\n',
    says: ['.pogoconf:2:8: retry: "1000" is not a whole number from 0 to 100'],
  },
];

tryBadInput('bad input about configuration', cases);
