<?php

declare(strict_types=1);

namespace Rustecho;

/** The sidecar could not be reached, or the connection broke and so did the one opened in its place. */
class ConnectionFailed extends Exception
{
}
