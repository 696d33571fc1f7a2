<?php

declare(strict_types=1);

namespace Rustecho;

/** The sidecar said no. getCode() is its reason, as docs/wire-format.md lists them. */
class Refused extends Exception
{
}
