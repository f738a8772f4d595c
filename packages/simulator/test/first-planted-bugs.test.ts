import { everyOtherIsCaught } from './planted-bugs.js';

everyOtherIsCaught(0);
