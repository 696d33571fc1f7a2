<?php

declare(strict_types=1);

namespace App\Auth;

use Illuminate\Auth\GenericUser;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;

/** The demo's two users. A real application has a table; here nobody needs a database or a password. */
final class People implements UserProvider
{
    private const NAMES = ['ada' => 'Ada Lovelace', 'grace' => 'Grace Hopper'];

    /** @return array<string, string> full names by id */
    public static function all(): array
    {
        return self::NAMES;
    }

    public function retrieveById($identifier)
    {
        $name = self::NAMES[$identifier] ?? null;

        return $name === null
            ? null
            : new GenericUser(['id' => $identifier, 'name' => $name, 'remember_token' => null]);
    }

    public function retrieveByToken($identifier, $token)
    {
        return null;
    }

    public function updateRememberToken(Authenticatable $user, $token)
    {
    }

    public function retrieveByCredentials(array $credentials)
    {
        return null;
    }

    public function validateCredentials(Authenticatable $user, array $credentials)
    {
        return false;
    }
}
