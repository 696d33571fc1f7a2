<?php

declare(strict_types=1);

namespace Rustecho;

/** The sidecar said no; the code is that of the wire format. */
class RefusedException extends Exception
{
}
