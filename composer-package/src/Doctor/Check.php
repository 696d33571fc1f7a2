<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Doctor;

/** Looks at one thing that can be broken on its own. */
interface Check
{
    /** @return iterable<Finding> at least one */
    public function run(Visit $visit): iterable;
}
