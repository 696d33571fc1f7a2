<!doctype html>
<html lang="en">
<head>
    @include('head')
</head>
<body class="login">
    <main class="card">
        <img src="/icon.svg" alt="" width="56" height="56">
        <h1>rustecho</h1>
        <p>Laravel events, live in the browser. Who are you today?</p>
        <form method="post" action="/login">
            @csrf
            @foreach ($people as $id => $name)
                <button class="who" name="who" value="{{ $id }}">
                    <span class="face" data-who="{{ $id }}" aria-hidden="true">{{ $name[0] }}</span>
                    Log in as {{ $name }}
                </button>
            @endforeach
        </form>
        <p class="hint">No password. To be both at once, use a second browser or a private window.</p>
    </main>
</body>
</html>
