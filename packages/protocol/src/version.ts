/** Version of the product, as `pogo ping` shows it for every part. */
export const productVersion = '0.1.0';

/** Version of the links between the parts. A part refuses a peer that speaks another one, and says so. */
export const protocolVersion = 2;
