<!doctype html>
<html lang="en">
<head>
    @include('head')
</head>
<body>
    <header>
        <a class="brand" href="/"><img src="/icon.svg" alt="" width="28" height="28"> rustecho</a>
        <span class="state" id="state" role="status" data-state="connecting"><i></i><span>connecting…</span></span>
        <form method="post" action="/logout" class="me">
            @csrf
            <span class="face" data-who="{{ $me->id }}" aria-hidden="true">{{ $me->name[0] }}</span>
            <span class="name">{{ $me->name }}</span>
            <button class="quiet">Log out</button>
        </form>
    </header>

    <main class="columns">
        <div class="side">
            <form class="card" id="composer" autocomplete="off">
                <h2>Broadcast an event</h2>

                <fieldset class="targets">
                    <legend>To</legend>
                    <label><input type="radio" name="target" value="news" checked>
                        <span>Everybody <small>public · news</small></span></label>
                    <label><input type="radio" name="target" value="room">
                        <span>Who is here <small>presence · room</small></span></label>
                    @foreach ($people as $id => $name)
                        <label><input type="radio" name="target" value="{{ $id }}">
                            <span>{{ explode(' ', $name)[0] }} only <small>private · people.{{ $id }}</small></span></label>
                    @endforeach
                </fieldset>

                <label class="field">Text
                    <input type="text" name="text" id="text" maxlength="500" required value="Hello from Laravel">
                </label>
                <p class="typing" id="typing" aria-live="polite"></p>

                <label class="check"><input type="checkbox" name="others"> <span>not to this window (<code>toOthers</code>)</span></label>

                <p class="by" id="by">Broadcast by</p>
                <div class="roads" role="group" aria-labelledby="by">
                    @foreach ($roads as $road)
                        <button name="road" value="{{ $road['id'] }}" data-road="{{ $road['id'] }}" @if ($road['off']) disabled @endif>
                            <b>{{ $road['name'] }}</b>
                            <small>{{ $road['off'] ?? $road['how'] }}</small>
                        </button>
                    @endforeach
                </div>
                <p class="problem" id="problem" role="alert"></p>
            </form>

            <section class="card">
                <h2>Who is here <span class="count" id="count">0</span></h2>
                <ul class="here" id="here"></ul>
            </section>
        </div>

        <section class="card feed">
            <h2>What arrived <span class="count" id="arrived">0</span></h2>
            <ol id="feed" aria-live="polite"></ol>
            <p class="empty" id="empty">Nothing yet. Press one of the four roads, or open this page in a private window and log in
                as somebody else.</p>
        </section>
    </main>

    <footer>
        Laravel {{ app()->version() }} · PHP {{ PHP_VERSION }} · extension {{ phpversion('rustecho') ?: 'not loaded' }} ·
        laravel-echo and socket.io-client as they come from npm
    </footer>

    <script type="application/json" id="boot">@json($boot)</script>
    <script src="/vendor/socket.io.min.js"></script>
    <script src="/vendor/echo.iife.js"></script>
    <script src="/demo.js"></script>
</body>
</html>
