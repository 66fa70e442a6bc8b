/** Frames and bytes of one host since the last time they were taken. */
export class Traffic {
  linkFrames = 0
  linkBytes = 0
  gossipFrames = 0
  gossipBytes = 0
  framesIn = 0
  bytesIn = 0

  sent(bytes: number): void {
    this.linkFrames++
    this.linkBytes += bytes
  }

  received(bytes: number): void {
    this.framesIn++
    this.bytesIn += bytes
  }

  gossiped(bytes: number): void {
    this.gossipFrames++
    this.gossipBytes += bytes
  }

  gossipHeard(bytes: number): void {
    this.framesIn++
    this.bytesIn += bytes
  }

  /** Everything counted so far; counting starts anew. */
  take(): Readonly<Counts> {
    const { linkFrames, linkBytes, gossipFrames, gossipBytes, framesIn, bytesIn } = this
    this.linkFrames = this.linkBytes = this.gossipFrames = this.gossipBytes = this.framesIn = this.bytesIn = 0
    return { linkFrames, linkBytes, gossipFrames, gossipBytes, framesIn, bytesIn }
  }
}

export interface Counts {
  readonly linkFrames: number
  readonly linkBytes: number
  readonly gossipFrames: number
  readonly gossipBytes: number
  readonly framesIn: number
  readonly bytesIn: number
}
