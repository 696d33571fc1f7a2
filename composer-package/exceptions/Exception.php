<?php

declare(strict_types=1);

namespace Rustecho;

/**
 * An event was not, or not surely, accepted.
 *
 * The extension brings the classes of this namespace along, and they are then never loaded from here: the autoloader is only
 * asked for a class that does not exist.
 */
class Exception extends \RuntimeException
{
    /** getCode() of ConnectionFailed and Timeout when the event may still arrive; otherwise it is 0: it will not. */
    public const FATE_UNKNOWN = 1;
}
