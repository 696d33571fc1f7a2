<?php

declare(strict_types=1);

namespace Rustecho;

/** An event was not, or not surely, accepted. The extension brings these classes along; these are for where it is not loaded. */
class Exception extends \RuntimeException
{
}
