<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Your site</title>
<link rel="icon" href="data:,">
<script src="/js/app.js" defer></script>
</head>
<body data-user="{{ auth()->id() }}">Your site</body>
</html>
