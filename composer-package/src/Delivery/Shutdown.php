<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Delivery;

use Throwable;
use WeakReference;

/**
 * Collects deferred events where Laravel does not come to the end of its request: after exit(), dd() or a fatal error, and those
 * of a callback that runs later than ours. What the extension does when PHP shuts down knows nothing of `on_failure`.
 */
final class Shutdown
{
    private bool $registered = false;

    public function ends(Delivery $delivery): void
    {
        if ($this->registered) {
            return;
        }
        $this->registered = true;
        // An application of a test that is over is not to be kept.
        $reference = WeakReference::create($delivery);
        register_shutdown_function(function () use ($reference): void {
            // Shutdown functions that run later than this one may broadcast too.
            $this->registered = false;
            try {
                $reference->get()?->end();
            } catch (Throwable $error) {
                // Nobody else would hear of it, and the answer is not to have it in its body.
                error_log("rustecho could not report what became of deferred events: {$error->getMessage()}");
            }
        });
    }
}
