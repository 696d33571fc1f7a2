<?php

declare(strict_types=1);

namespace Rustecho\Laravel\Tests\Unit;

use LogicException;
use PHPUnit\Framework\TestCase;
use Rustecho\Laravel\Doctor\Findings;

/** The list that the doctor takes its words from. */
final class FindingsTest extends TestCase
{
    public function testEveryFindingOfTheDoctorIsInTheList(): void
    {
        $used = $this->used();
        self::assertGreaterThan(30, count($used), 'the sources were searched in vain');
        foreach ($used as $id) {
            [$text, $advice] = Findings::words($id, []);
            self::assertNotSame('', $text, $id);
            self::assertNotSame('', $advice, $id);
        }
    }

    public function testEveryFindingOfTheDoctorIsMadeInATest(): void
    {
        $tests = '';
        foreach (glob(dirname(__DIR__) . '/*/*Test.php') ?: [] as $file) {
            $tests .= file_get_contents($file);
        }
        $untested = array_filter($this->used(), static fn (string $id): bool => ! preg_match("/['\[]$id\\\\?['\]]/", $tests));

        self::assertSame([], array_values($untested));
    }

    public function testEveryNameInBracesIsFilledIn(): void
    {
        [$text] = Findings::words('socket-missing', ['path' => '/run/x.sock']);

        self::assertSame('there is no socket /run/x.sock', $text);
    }

    public function testAnUnknownFindingIsAMistakeOfOurs(): void
    {
        $this->expectException(LogicException::class);
        $this->expectExceptionMessage('no-such-thing');

        Findings::words('no-such-thing', []);
    }

    /** @return list<string> the ids that the checks name */
    private function used(): array
    {
        $src = dirname(__DIR__, 2) . '/src';
        $ids = [];
        foreach ([...glob("$src/Doctor/*.php"), ...glob("$src/Doctor/Checks/*.php"), ...glob("$src/Console/*.php")] as $file) {
            // In every call of these, whatever it takes to choose one: words with a hyphen, or the first argument.
            preg_match_all('/Finding::(?:problem|note)\(\s*([^\[;]*)/', (string) file_get_contents($file), $calls);
            foreach ($calls[1] as $call) {
                preg_match_all("/'([a-z][a-z-]+)'/", $call, $names);
                $ids = [...$ids, ...$names[1]];
            }
            preg_match_all("/'([a-z]+(?:-[a-z]+)+)'/", (string) file_get_contents($file), $names);
            $ids = [...$ids, ...array_intersect($names[1], array_keys($this->all()))];
        }

        return array_values(array_unique($ids));
    }

    /** @return array<string, mixed> */
    private function all(): array
    {
        $list = json_decode((string) file_get_contents(dirname(__DIR__, 2) . '/resources/findings.json'), true);

        return array_column(array_merge(...array_column($list['symptoms'], 'findings')), null, 'id');
    }
}
