// One clock for everything that is recorded: the system's monotonic one, which PHP's hrtime() reads as well. In milliseconds.

export const now = () => Number(process.hrtime.bigint()) / 1e6;
