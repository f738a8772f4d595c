/** Apart, so that the YAML reader is loaded only for those who have a secrets file. */
export { parse } from 'yaml';
