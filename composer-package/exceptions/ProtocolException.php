<?php

declare(strict_types=1);

namespace Rustecho;

/** What came back is not rustecho's protocol: another program listens on the socket. */
class ProtocolException extends Exception
{
}
