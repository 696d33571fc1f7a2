<?php

declare(strict_types=1);

namespace Rustecho;

/** A setting has a value that is no good. Nothing was written. */
class InvalidOption extends Exception
{
}
