<?php

/** stubs/rustecho.stub.php says exactly what the loaded module reports: functions, parameters, classes, constants. */

declare(strict_types=1);

require __DIR__ . '/../support/support.php';

/** One line for a function: its name, parameters with types and defaults, its type. */
function signature(ReflectionFunction $function, string $name): string
{
    $parameters = array_map(static fn (ReflectionParameter $p) => sprintf(
        '%s $%s%s',
        $p->getType(),
        $p->getName(),
        $p->isOptional() ? ' = ' . var_export($p->getDefaultValue(), true) : '',
    ), $function->getParameters());
    return sprintf('function %s(%s): %s', $name, implode(', ', $parameters), $function->getReturnType());
}

/** One line for a class: its name, parent and own constants. */
function outline(ReflectionClass $class, string $name, string $parent): string
{
    $own = array_filter($class->getReflectionConstants(), static fn ($c) => $c->getDeclaringClass()->getName() === $class->getName());
    $constants = array_map(static fn ($c) => sprintf('%s %s', $c->getName(), var_export($c->getValue(), true)), $own);
    return sprintf('class %s extends %s {%s}', $name, $parent, implode(', ', $constants));
}

/** The same lines from the stub, which is loaded under another namespace so that the two can stand side by side. */
function fromStub(): array
{
    $code = file_get_contents(__DIR__ . '/../../stubs/rustecho.stub.php');
    $code = str_replace(['<?php', 'namespace Rustecho ', 'namespace {'], ['', 'namespace Stub\Rustecho ', 'namespace Stub {'], $code);
    eval($code);
    $lines = [];
    foreach (get_defined_functions()['user'] as $name) {
        if (str_starts_with($name, 'stub\\')) {
            $lines[] = signature(new ReflectionFunction($name), substr($name, 5));
        }
    }
    foreach (get_declared_classes() as $name) {
        if (str_starts_with($name, 'Stub\\')) {
            $class = new ReflectionClass($name);
            $parent = preg_replace('/^Stub\\\\/', '', $class->getParentClass()->getName());
            $lines[] = outline($class, substr($name, 5), $parent);
        }
    }
    return $lines;
}

$module = new ReflectionExtension('rustecho');
$loaded = [
    ...array_map(static fn ($f) => signature($f, $f->getName()), array_values($module->getFunctions())),
    ...array_map(static fn ($c) => outline($c, $c->getName(), $c->getParentClass()->getName()), array_values($module->getClasses())),
];
$stub = fromStub();
sort($loaded);
sort($stub);
same($loaded, $stub, 'the stub');
check(count($loaded) === 9, 'three functions and six classes', count($loaded));

// The classes are ordinary ones: PHP code makes, extends and catches them.
$own = new class ('mine', 5) extends Rustecho\Timeout {
};
same(['mine', 5, __FILE__], [$own->getMessage(), $own->getCode(), $own->getFile()], 'an exception made in PHP');

done();
