/** Every limit of the transport, with the sum or the reason that gave it. Sizes in bytes, times in milliseconds. */

const KIB = 1024
const MIB = 1024 * KIB

/** One frame on a link: three records of 256 KiB payload and 64 KiB result, or 1,000 members of 700 bytes with claims. */
export const LINK_FRAME_BYTES_MAX = MIB

/** One gossip message: 200 member records of 300 bytes. Each one is flooded, so it costs its size times the members. */
export const GOSSIP_BYTES_MAX = 64 * KIB

/** Unsent bytes of one link: eight full frames. A peer that reads more slowly than that is cut off. */
export const LINK_QUEUE_BYTES_MAX = 8 * MIB

/** Unsent gossip of one peer. Above it messages to that peer are dropped: heartbeats are only good while fresh. */
export const GOSSIP_QUEUE_BYTES_MAX = 512 * KIB

/** One gossipsub envelope: it may carry several messages that a peer asked for again. */
export const GOSSIP_ENVELOPE_BYTES_MAX = 8 * GOSSIP_BYTES_MAX

/** A connection is closed when its link stream is not open after this. */
export const LINK_OPEN_MS = 2_000

/** A stranger that has not finished the handshake after this is cut off, silent or not. */
export const UPGRADE_MS = 3_000

/** The exchange of nonces under a cluster key, when whoever asks for it has no limit of its own. */
export const NONCE_MS = 1_000

/**
 * Bytes in one direction of one connection under a cluster key: a block of 64 has a number of 32 bits, and no block is
 * used twice. After 256 GiB less a little the connection ends, and is dialled again.
 */
export const KEY_STREAM_BYTES_MAX = 256 * 1024 * MIB - 64 * KIB

/** A protocol not agreed on a new stream after this is given up: gossip streams to all peers wait behind it. */
export const NEGOTIATION_MS = 2_000

/** A link stream that ended while its connection lives on gets this long to be followed by the connection. */
export const ORPHAN_MS = 500

/** Flushing one link before closing it, and the whole stop: each at most, and less where a leave has less left. */
export const CLOSE_MS = 500
export const STOP_MS = 1_800

/** Connections to one peer. Two come from simultaneous dials; the third is the forced one. */
export const LINKS_PER_PEER_MAX = 3

/** Silence of a link after which gossip moves to a newer one that speaks. Two probe intervals. */
export const GOSSIP_SILENCE_MS = 1_000

/** A gossip stream dropped sooner than this after it was opened is opened again by the next look, within a second. */
export const REOPEN_MS = 100

/** All connections of this node: three each to more peers than a node ever links to. */
export const CONNECTIONS_MAX = 1_024

/** Handshakes under way at one moment. A join storm of 80 nodes fits three times; 256 strangers cost about 25 MiB. */
export const PENDING_CONNECTIONS_MAX = 256

/** New connections per second from one address. Behind one NAT, or on one test machine, that is the whole cluster. */
export const CONNECTIONS_PER_HOST_PER_S = 500

/** Addresses tried for one name, and the least time given to each. */
export const CANDIDATES_MAX = 8
export const CANDIDATE_MS_MIN = 300

/** Name lookups under way at one moment. They occupy the threads that also serve files and keys: two of four. */
export const LOOKUPS_MAX = 2

/** Between two log lines about strangers. */
export const STRANGERS_LOG_MS = 60_000

/** Peers whose first malformed message was logged; more are only counted. */
export const PEERS_LOGGED_MAX = 1_024

/** Entries in the arrays of a message. */
export const MEMBERS_MAX = 1_000
export const CLAIMS_MAX = 2_000
export const ADDRESSES_MAX = 8
export const HOLDERS_MAX = 32
export const RECORDS_MAX = 10_000
export const RUNNING_MAX = 20_000
export const FORWARDS_MAX = 1_000
export const PURGED_MAX = 1_000
export const REASONS_MAX = 32
export const PROBLEMS_MAX = 1_000
export const EXCEPTIONS_MAX = 1_000
export const SCOPES_MAX = 8
export const VOTER_NAMES_MAX = 64

/** Weight of a ring member. */
export const WEIGHT_MAX = 100

/**
 * Highest incarnation of a member. They start at the wall clock in milliseconds (2^41) and rise by one at each boot and
 * refutation. Near 2^53 adding one gives the same number again: a claim up there could never be refuted.
 */
export const INCARNATION_MAX = 2 ** 52

/** Characters in the texts of a message. */
export const ADDRESS_CHARS_MAX = 300
export const SHORT_CHARS_MAX = 128
export const DETAIL_CHARS_MAX = 64 * KIB

/** Nesting of a payload. Deeper ones would overflow the stack of whoever writes them out again. */
export const JSON_DEPTH_MAX = 64
