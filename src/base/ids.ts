/** Names that cannot be mixed up: a node's stable name, its key, one connection, one task. */

declare const nodeId: unique symbol
declare const peerId: unique symbol
declare const linkId: unique symbol
declare const taskId: unique symbol
declare const requestId: unique symbol

/** The stable name of a node (`NODE_ID`, else the hostname). The ring is built on it. */
export type NodeId = string & { readonly [nodeId]: true }

/** The libp2p peer id: the multihash of the node's Ed25519 public key, in text form. */
export type PeerId = string & { readonly [peerId]: true }

/** One connection with one link stream, as numbered by the transport adapter; unique for the life of a process. */
export type LinkId = number & { readonly [linkId]: true }

/** A task's id. Given by the submitter, or a UUID in the order of time (see `Uuids`). */
export type TaskId = string & { readonly [taskId]: true }

/** One request in flight on this node, local or forwarded. */
export type RequestId = string & { readonly [requestId]: true }

/** Raised only by its owner: at each boot, and to refute a claim about it. */
export type Incarnation = number

export const asNodeId = (text: string): NodeId => text as NodeId
export const asPeerId = (text: string): PeerId => text as PeerId
export const asLinkId = (number: number): LinkId => number as LinkId
export const asTaskId = (text: string): TaskId => text as TaskId
export const asRequestId = (text: string): RequestId => text as RequestId

/** What a node name may look like: DNS-like, so that it fits hostnames, metrics labels and file names. */
export const NODE_ID_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/

/** What a cluster name may look like: it becomes part of every protocol id and topic. */
export const CLUSTER_NAME_PATTERN = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/

/** Task ids: printable, no spaces, usable in a URL path once encoded. */
export const TASK_ID_PATTERN = /^[\x21-\x7e]{1,256}$/

/** Longest task or owner key, in UTF-8 bytes. */
export const KEY_BYTES_MAX = 1024
