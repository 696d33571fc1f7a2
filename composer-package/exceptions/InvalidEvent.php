<?php

declare(strict_types=1);

namespace Rustecho;

/** No sidecar would take this event. Nothing was written. */
class InvalidEvent extends Exception
{
}
