<?php

declare(strict_types=1);

namespace Rustecho;

/** The deadline passed. Unless the message says otherwise the event may still arrive. */
class TimeoutException extends Exception
{
}
