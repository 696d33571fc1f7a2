<?php

declare(strict_types=1);

namespace App\Auth;

use Illuminate\Auth\GenericUser;
use Illuminate\Contracts\Auth\Authenticatable;
use Illuminate\Contracts\Auth\UserProvider;

/** Users 1 to 9, without a database: number 1 is "user 1". */
final class ListedUsers implements UserProvider
{
    public function retrieveById($identifier)
    {
        $id = (int) $identifier;

        return $id >= 1 && $id <= 9 ? new GenericUser(['id' => $id, 'name' => "user $id"]) : null;
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
