export * from './public-key.js';
export * from './known-hosts.js';
