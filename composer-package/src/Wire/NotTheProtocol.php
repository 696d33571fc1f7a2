<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Wire;

use Rustecho\ConnectionFailed;

/** Somebody answers, but not a sidecar: nothing is gained by keeping events for it. */
final class NotTheProtocol extends ConnectionFailed
{
}
