<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use RuntimeException;

/** The connection broke. Never leaves the package: the publisher opens a new one, or says what became of the event. */
final class ConnectionLost extends RuntimeException
{
}
