<?php

declare(strict_types=1);

namespace Rustecho;

/** No sidecar would accept the event: nothing has been written. */
class InvalidEventException extends Exception
{
}
