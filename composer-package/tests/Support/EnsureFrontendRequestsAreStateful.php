<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Support;

/** Stands in for Sanctum's, which starts the session by itself where the page is one of the site's own. */
final class EnsureFrontendRequestsAreStateful
{
}
