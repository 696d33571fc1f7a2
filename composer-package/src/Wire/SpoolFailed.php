<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use RuntimeException;

/** An event could not be spooled; nothing of it stays in the spool. Never leaves the package. */
final class SpoolFailed extends RuntimeException
{
}
