import { describeJournal } from './journal-conformance.js';
import { fileJournals, memoryJournals } from './journal-fixture.js';

describeJournal('memory', memoryJournals);
describeJournal('file', () => fileJournals());
// So small that nearly every write makes a new segment.
describeJournal('file, always compacted,', () => fileJournals({ growthBytes: 50 }));
