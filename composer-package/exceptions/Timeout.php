<?php

declare(strict_types=1);

namespace Rustecho;

/** The time was over before the sidecar had answered. */
class Timeout extends Exception
{
}
