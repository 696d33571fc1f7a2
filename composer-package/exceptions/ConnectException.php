<?php

declare(strict_types=1);

namespace Rustecho;

/** No connection could be made, or it broke twice. */
class ConnectException extends Exception
{
}
