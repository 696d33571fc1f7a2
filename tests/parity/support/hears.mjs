// The simplest sign of life.

/** Whether an event published to Redis arrives. */
export async function hears(s, label, channel = 'orders') {
  const a = await s.client(label);
  a.subscribe(channel);
  await s.settle();
  await s.publish(channel, { event: 'E', data: label });
  await s.settle();
  return a.take();
}
