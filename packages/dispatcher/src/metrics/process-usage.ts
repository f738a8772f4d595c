/** What a process has used, as the system tells it. */
export interface ProcessUsage {
  residentBytes: number;
  heapBytes: number;
  /** Of buffers, outside of the heap. */
  externalBytes: number;
  /** In user and system mode, in seconds. */
  cpuSeconds: number;
}
