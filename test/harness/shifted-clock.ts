/**
 * Loaded into a vault before its own code (`node --import`): its machine's clock is wrong by
 * `CLOCK_SHIFT_SECONDS`. Timers and `performance.now()` run as ever, as they do on such a machine.
 */
const shift_ms = Number(process.env.CLOCK_SHIFT_SECONDS) * 1000
const RightDate = Date

globalThis.Date = class extends RightDate {
  constructor(...parts: []) {
    if (parts.length === 0) super(RightDate.now() + shift_ms)
    else super(...parts)
  }

  static override now(): number {
    return RightDate.now() + shift_ms
  }
} as DateConstructor
