<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tracing;

use OpenTelemetry\API\Trace\Span;
use Rustecho\Laravel\Current;

/**
 * The W3C `traceparent` that an event travels with, so that its way through the sidecar stands in the trace of the request.
 *
 * Where OpenTelemetry's PHP API is installed that of its current span, else the request's header.
 */
final class TraceParent
{
    private const FORM = '/^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/D';

    private static ?bool $hasSpans = null;
    private static ?Current $request = null;

    public static function current(): ?string
    {
        return self::ofSpan() ?? self::ofRequest();
    }

    /** The text, if it is one: it may come from a browser. */
    public static function checked(mixed $text): ?string
    {
        return is_string($text) && preg_match(self::FORM, $text) === 1 ? $text : null;
    }

    private static function ofSpan(): ?string
    {
        // Looked for once: autoloaders take longer to find nothing than the event takes to be published.
        if (! (self::$hasSpans ??= class_exists(Span::class))) {
            return null;
        }
        $context = Span::getCurrent()->getContext();

        return $context->isValid()
            ? sprintf('00-%s-%s-%02x', $context->getTraceId(), $context->getSpanId(), $context->getTraceFlags())
            : null;
    }

    private static function ofRequest(): ?string
    {
        self::$request ??= new Current('request');

        return self::checked(self::$request->get()?->headers->get('traceparent'));
    }
}
