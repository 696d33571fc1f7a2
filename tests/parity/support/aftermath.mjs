// After something that may have ended a server.

/** Gives the server time to fall: until it has, or everything has settled. */
export async function aftermath(s) {
  const up = async () => {
    await s.settle().catch(() => {});
    await s.settle().catch(() => {});
  };
  await Promise.race([s.server.process.exit, up()]);
}

/** The auth.headers of a user, as the stand-in for Laravel reads them. */
export const as = (user) => ({ 'X-User': user });
